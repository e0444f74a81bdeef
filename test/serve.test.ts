import { once } from 'node:events';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadRecognizer, type RecognizedFace } from '../src/index.ts';
import { releasedModel } from '../src/nn/released.ts';
import { listRuns, readRun } from '../src/server/runs.ts';
import { type RunningServer, startServer } from '../src/server/server.ts';
import { lockRun } from '../src/train/runLock.ts';
import { fer } from './commands.ts';
import { temporaryFolder } from './dataFiles.ts';
import { CLI, start } from './process.ts';
import { ran } from './ran.ts';
import { FACES_IN_PHOTO, facePng, smallPhoto, type TinyModel, tinyModel } from './tinyModel.ts';

type Face = Omit<RecognizedFace, 'crop'>;

let tiny: TinyModel;
let server: RunningServer;
let photo: Buffer;
const at = (path: string): string => new URL(path, server.url).href;

const options = { host: '127.0.0.1', port: 0, crops: 10, device: 'auto', threads: 2 } as const;

beforeAll(async () => {
  tiny = await tinyModel();
  photo = await smallPhoto();
  const limits = {
    concurrency: 4,
    limit: 2 ** 20,
    cors: 'https://friend.example',
    url: 'https://fer.example/here/',
  };
  server = await startServer({ ...options, ...limits, model: tiny.model, runs: tiny.runs });
  ran(`service: ${server.device}`);
});
afterAll(() => server?.stop());

/** Its faces are no smaller, and one look is enough for them. */
const large = '?smallest=0.0625';

async function post(body: BodyInit, query = '', headers: Record<string, string> = {}) {
  const response = await fetch(at(`api/predict${query}`), { method: 'POST', body, headers });
  return { status: response.status, headers: response.headers, json: await response.json() };
}

const bytes = (buffer: Buffer): Uint8Array<ArrayBuffer> => Uint8Array.from(buffer);
const formOf = (...files: [string, Buffer | string][]): FormData => {
  const form = new FormData();
  for (const [name, content] of files) {
    form.append('picture', new Blob([typeof content === 'string' ? content : bytes(content)]), name);
  }
  return form;
};

/** A connection on which a request has begun. */
async function opened(head: string): Promise<Socket> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  // The server may close before it has read what it does not want.
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(head);
  return socket;
}

/** What the library answers. */
async function expected(picture: Buffer, faces: 'auto' | 'none'): Promise<Face[]> {
  const recognizer = await loadRecognizer({ model: tiny.model, threads: 2 });
  const found = await recognizer.recognize(picture, { faces, smallest: 1 / 16 });
  await recognizer.close();
  return found.map(({ crop: _, ...face }) => face);
}

describe('POST /api/predict', () => {
  test('answers as the library does', async () => {
    const { status, json } = await post(bytes(photo), large);
    expect(status).toBe(200);
    expect(json.faces).toHaveLength(FACES_IN_PHOTO);
    expect(json).toEqual({ faces: await expected(photo, 'auto') });
  });

  test('takes forms of several pictures, a bad one among them', async () => {
    const png = await facePng(tiny.dataset, 0);
    const { status, json } = await post(formOf(['a.png', png], ['b.txt', 'no picture']), '?faces=none');
    expect(status).toBe(200);
    expect(json.pictures[0]).toEqual({ name: 'a.png', faces: await expected(png, 'none') });
    expect(json.pictures[1]).toEqual({ name: 'b.txt', error: expect.stringMatching(/expected a JPEG/) });
  });

  test('takes settings', async () => {
    const png = bytes(await facePng(tiny.dataset, 0));
    const ten = await post(png, '?faces=none');
    const one = await post(png, '?faces=none&crops=1');
    expect(one.json.faces[0].scores).not.toEqual(ten.json.faces[0].scores);
    expect((await post(bytes(photo), `${large}&max_faces=1`)).json.faces).toHaveLength(1);
    expect((await post(bytes(photo), `${large}&min_score=1`)).json.faces).toEqual([]);
  });

  test.each([
    ['garbage', () => 'x'.repeat(5000), '', 400, /expected a JPEG, PNG or WebP/],
    ['a picture cut short', () => bytes(photo.subarray(0, 5000)), '', 400, /damaged or cut short/],
    ['nothing', () => new Uint8Array(0), '', 400, /empty/],
    ['too much', () => new Uint8Array(2 ** 20 + 1), '', 413, /larger than 1 MiB/],
    ['a form without a file', (): FormData => formOf(), '', 400, /form/],
    ['crops that do not exist', () => bytes(photo), '?crops=2', 400, /crops=2: expected 1 or 10/],
    ['an unknown setting', () => bytes(photo), '?crop=1', 400, /unknown crop=: expected crops/],
    ['a score out of range', () => bytes(photo), '?min_score=2', 400, /min_score=2/],
    [
      'faces too small',
      () => bytes(photo),
      '?smallest=0.0156',
      400,
      /^smallest=0.0156: expected 0.015625 to 1$/,
    ],
  ] as const)('refuses %s', async (_, body, query, status, message) => {
    const answer = await post(body(), query);
    expect(answer.status).toBe(status);
    expect(Object.keys(answer.json)).toEqual(['error']);
    expect(answer.json.error).toMatch(message);
  });

  test('a form that is none', async (): Promise<void> => {
    const headers = { 'content-type': 'multipart/form-data; boundary=x' };
    const { status, json } = await post('not a form', '', headers);
    expect({ status, error: json.error }).toEqual({ status: 400, error: expect.stringMatching(/form/) });
  });

  test('a form of very many parts, before it is taken apart', async (): Promise<void> => {
    const part = '--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n\r\n';
    const send = (type: string) =>
      post(`${part.repeat(10_000)}--x--\r\n`, '', { 'content-type': `multipart/form-data${type}` });
    for (const type of ['; boundary=x', '; charset=utf-8; boundary="x"', ';BOUNDARY=x ; charset=utf-8']) {
      const { status, json } = await send(type);
      expect({ status, ...json }).toEqual({
        status: 400,
        error: 'the form has 10000 parts: send 32 files at most',
      });
    }
    const odd = ['', '; a="; boundary=y"; boundary=x', '; boundary=x; boundary=y', '; boundary="\\x"'];
    for (const type of [...odd, '; boundary="x', '; a=b; boundary=x']) {
      const { status, json } = await send(type);
      expect({ type, status, error: json.error }).toEqual({
        ...{ type, status: 400 },
        error: expect.stringMatching(/must be multipart\/form-data with one boundary/),
      });
    }
  });

  test('a body without an announced length, larger than the limit', async () => {
    const socket = await opened(
      'POST /api/predict HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    const chunk = Buffer.alloc(2 ** 17);
    const sent = Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]);
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    const answered = Promise.race([once(socket, 'data'), once(socket, 'close')]);
    for (let i = 0; i < 40 && answer === ''; i++) {
      socket.write(sent);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    // A busy machine takes its time.
    await answered;
    expect(answer).toMatch(/^HTTP\/1\.1 413 [\s\S]*connection: close[\s\S]*larger than 1 MiB/i);
    socket.destroy();
    expect((await fetch(at('healthz'))).status).toBe(200);
  });

  test('clients that send slowly take nobody else a place', async () => {
    const head = 'POST /api/predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 50000\r\n\r\nabc';
    const slow = await Promise.all(Array.from({ length: 8 }, () => opened(head)));
    const png = bytes(await facePng(tiny.dataset, 0));
    expect((await post(png, '?faces=none')).status).toBe(200);
    for (const socket of slow) socket.destroy();
  });

  test('clients that send slowly, and more than all may together, are refused', async () => {
    const length = 2 ** 20;
    const head = `POST /api/predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: ${length}\r\n\r\n`;
    const slow = await Promise.all(Array.from({ length: 6 }, () => opened(head)));
    const answers = slow.map(() => '');
    slow.forEach((socket, i) => {
      socket.on('data', (data) => {
        answers[i] += data;
      });
      socket.write(Buffer.alloc(length - 1));
    });
    while (answers.filter((answer) => answer !== '').length < 2)
      await new Promise((resolve) => setTimeout(resolve, 5));
    for (const answer of answers)
      if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 1/i);
    for (const socket of slow) socket.destroy();
    const png = bytes(await facePng(tiny.dataset, 0));
    while ((await post(png, '?faces=none')).status !== 200)
      await new Promise((resolve) => setTimeout(resolve, 5));
  });

  test('a client that goes away in the middle of its body', async () => {
    const head = 'POST /api/predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 50000\r\n\r\nabc';
    (await opened(head)).destroy();
    // Its place is free again.
    const png = bytes(await facePng(tiny.dataset, 0));
    for (let i = 0; i < 4; i++) expect((await post(png, '?faces=none')).status).toBe(200);
  });

  test('refuses more than it can hold, and says when to come back', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => post(bytes(photo), large)));
    const good = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status }) => status === 503);
    expect(good.length + refused.length).toBe(12);
    expect(good.length).toBeGreaterThanOrEqual(4);
    expect(refused.length).toBeGreaterThanOrEqual(1);
    for (const { headers, json } of refused) {
      expect(headers.get('retry-after')).toBe('1');
      expect(json.error).toMatch(/try again/);
    }
    for (const { json } of good) expect(json).toEqual(good[0].json);
  });

  test('health is answered while pictures are under way', async () => {
    const started = performance.now();
    let took: number | undefined;
    // With small faces to look for it takes long.
    const slow = post(bytes(photo)).then(({ status }) => {
      took = performance.now() - started;
      expect(status).toBe(200);
    });
    let longest = 0;
    while (took === undefined) {
      const asked = performance.now();
      expect((await fetch(at('healthz'))).status).toBe(200);
      longest = Math.max(longest, performance.now() - asked);
    }
    await slow;
    // A server that waits for its picture answers after it.
    expect(longest).toBeLessThan(took / 2);
  });
});

describe('a load of requests', () => {
  const REQUESTS = 200;
  const AT_A_TIME = 4;

  test('every twentieth garbage: each gets its own answer', async () => {
    const kinds = await Promise.all(
      [0, 1, 2, 3].map(async (i) => {
        const png = await facePng(tiny.dataset, i);
        return { body: bytes(png), answer: { faces: await expected(png, 'none') } };
      }),
    );
    let next = 0;
    let good = 0;
    let bad = 0;
    const client = async (): Promise<void> => {
      while (next < REQUESTS) {
        const i = next++;
        const kind = kinds[i % kinds.length];
        const garbage = i % 20 === 7;
        const { status, json } = await post(garbage ? `garbage ${i}` : kind.body, '?faces=none');
        if (garbage) {
          expect(status).toBe(400);
          bad++;
        } else {
          expect({ status, json }).toEqual({ status: 200, json: kind.answer });
          good++;
        }
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, client));
    expect({ good, bad }).toEqual({ good: 190, bad: 10 });
  });
});

describe('the page and its files', () => {
  test('isolated, and told to load nothing from elsewhere', async () => {
    const response = await fetch(server.url);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(response.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^default-src 'none'; /);
    expect(policy).not.toMatch(/unsafe-inline|'unsafe-eval'|https?:|\*/);
    const html = await response.text();
    const paths = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
    expect(paths.map((path) => /\.\w+$/.exec(path)?.[0])).toEqual(expect.arrayContaining(['.js', '.css']));
    for (const path of paths) {
      const file = await fetch(at(path));
      expect({ path, status: file.status }).toEqual({ path, status: 200 });
      expect(file.headers.get('cache-control')).toMatch(/immutable/);
    }
  });

  test('the model, fresh or unchanged', async () => {
    const config = await (await fetch(at('model/config.json'))).json();
    expect(config.model.labels).toEqual(tiny.dataset.labels);
    const weights = await fetch(at('model/model.safetensors'));
    expect(Number(weights.headers.get('content-length'))).toBe((await weights.arrayBuffer()).byteLength);
    const headers = { 'if-none-match': weights.headers.get('etag') ?? '' };
    expect((await fetch(at('model/model.safetensors'), { headers })).status).toBe(304);
  });

  test.each([
    '../package.json',
    '%2e%2e/package.json',
    '..%2f..%2fpackage.json',
    'assets/../../cli.js',
    'nothing',
    '%ff',
    'api/runs/..%2f..',
    'api/runs/none',
  ])('%s is not there', async (path) => {
    // By hand: fetch would tidy the path up.
    const { port } = new URL(server.url);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      request({ host: '127.0.0.1', port, path: `/${path}` }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(404);
  });

  test('methods that a route does not take', async () => {
    expect((await fetch(at('api/predict'))).status).toBe(405);
    expect((await fetch(server.url, { method: 'DELETE' })).status).toBe(404);
  });
});

test('on all addresses of a machine, the one that is told is this one', async () => {
  const all = { ...options, host: '0.0.0.0', concurrency: 4, limit: 2 ** 20, cors: '', url: '' };
  const everywhere = await startServer({ ...all, model: tiny.model, runs: tiny.runs });
  expect(everywhere.url).toMatch(/^http:\/\/localhost:\d+\/$/);
  expect((await fetch(new URL('healthz', everywhere.url))).status).toBe(200);
  // One that has said nothing is not waited for when the server ends.
  const silent = connect(Number(new URL(everywhere.url).port), '127.0.0.1');
  await once(silent, 'connect');
  const gone = once(silent, 'close');
  const started = performance.now();
  await everywhere.stop();
  // Half of the time that answers under way are given.
  expect(performance.now() - started).toBeLessThan(15_000);
  await gone;
});

describe('who may ask', () => {
  const asking = (headers: Record<string, string>): Promise<number> =>
    new Promise((resolve, reject) => {
      const { port } = new URL(server.url);
      request({ host: '127.0.0.1', port, path: '/api/runs', headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on('error', reject)
        .end();
    });

  test('not another name that leads here', async () => {
    expect(await asking({ host: 'localhost:1' })).toBe(200);
    expect(await asking({ host: 'attacker.example' })).toBe(403);
  });

  test('people who come through the proxy that it is told of, and the pages they get there', async () => {
    const host = 'fer.example';
    expect(await asking({ host })).toBe(200);
    expect(await asking({ host, origin: 'https://fer.example' })).toBe(200);
    expect(await asking({ host, origin: 'https://other.example' })).toBe(403);
    expect(await asking({ host, origin: 'http://fer.example:81' })).toBe(403);
  });

  test('not the pages of others, but for the one that is named', async () => {
    expect(await asking({ origin: 'https://stranger.example' })).toBe(403);
    expect(await asking({ origin: new URL(server.url).origin, host: new URL(server.url).host })).toBe(200);
    const headers = { origin: 'https://friend.example' };
    const friend = await fetch(at('api/runs'), { headers });
    expect(friend.headers.get('access-control-allow-origin')).toBe('https://friend.example');
    const before = await fetch(at('api/predict'), { method: 'OPTIONS', headers });
    expect(before.status).toBe(204);
    expect(before.headers.get('access-control-allow-methods')).toMatch(/POST/);
  });
});

describe('runs', () => {
  test('are listed and shown, with the figures found in them', async () => {
    const folder = `${tiny.model}/evaluation`;
    mkdirSync(folder);
    const settings = [`model=${tiny.model}`, 'data=synthetic:70', 'split=PrivateTest', 'crops=1'];
    const { code, stderr } = await fer('evaluate', ...settings, `out=${folder}`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    mkdirSync(`${tiny.runs}/damaged`);
    writeFileSync(`${tiny.runs}/damaged/config.json`, '{"mod');
    writeFileSync(`${tiny.model}/other.json`, '{"labels": ["a"], "confusion": 3}');

    const { runs } = await (await fetch(at('api/runs'))).json();
    expect(runs.map(({ name }: { name: string }) => name)).toEqual(['a']);
    expect(runs[0]).toMatchObject({ network: 'vgg', width: 8, epochs: 6, epochsAsked: 6, training: false });
    const run = await (await fetch(at('api/runs/a'))).json();
    expect(run.history).toHaveLength(6);
    expect(run.best.valAccuracy).toBe(runs[0].best.valAccuracy);
    expect(run.settings.lr).toBe(0.02);
    const [evaluation, ...others] = run.evaluations;
    expect(others).toEqual([]);
    expect(evaluation).toMatchObject({ file: 'evaluation/metrics.json', n: 7, labels: tiny.dataset.labels });
    expect(evaluation.confusion.flat().reduce((a: number, b: number) => a + b)).toBe(7);
    const words = [`model=${tiny.model}`, `data=${run.data}`, 'split=PrivateTest', `out=${folder}`];
    expect(run.evaluate).toBe(`npx fer evaluate ${words.join(' ')}`);
  });

  test('the command that evaluates one of other labels has them, quoted where it needs to be', () => {
    const folder = temporaryFolder();
    const train = { n_epochs: 1, labels: 'my votes.csv' };
    const config = { model: { network: 'vgg', width: 8 }, train, data: { source: 'a.csv' } };
    mkdirSync(`${folder.path}/b`);
    writeFileSync(`${folder.path}/b/config.json`, JSON.stringify(config));
    expect(readRun(folder.path, 'b')?.evaluate).toContain(" data=a.csv 'labels=my votes.csv' split=");
    folder.remove();
  });

  test('an odd one does not hide the others', () => {
    const folder = temporaryFolder();
    const config = JSON.stringify({ model: { network: 'vgg', width: 8 }, train: { n_epochs: 1 } });
    for (const name of ['good', 'odd']) {
      mkdirSync(`${folder.path}/${name}`);
      writeFileSync(`${folder.path}/${name}/config.json`, config);
    }
    mkdirSync(`${folder.path}/odd/history.csv`);
    symlinkSync('loop', `${folder.path}/loop`);
    symlinkSync('loop.json', `${folder.path}/good/loop.json`);
    expect(
      listRuns(folder.path)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['good', 'odd']);
    expect(readRun(folder.path, 'odd')?.history).toEqual([]);
    expect(readRun(folder.path, 'good')?.evaluations).toEqual([]);
    folder.remove();
  });

  test('one that is being trained says so', async () => {
    const release = lockRun(tiny.model);
    const asked = async (): Promise<boolean> => (await (await fetch(at('api/runs/a'))).json()).training;
    expect(await asked()).toBe(true);
    release();
    expect(await asked()).toBe(false);
  });
});

test('metrics count what was answered', async () => {
  expect((await fetch(at('nowhere'))).status).toBe(404);
  const crowd = await Promise.all(Array.from({ length: 12 }, () => post(bytes(photo), large)));
  expect(crowd.map(({ status }) => status)).toContain(503);
  const text = await (await fetch(at('metrics'))).text();
  const value = (line: string): number =>
    Number(
      text
        .split('\n')
        .find((one) => one.startsWith(line))
        ?.split(' ')[1],
    );
  const before = value('fer_prediction_seconds_count');
  await post(bytes(await facePng(tiny.dataset, 0)), '?faces=none');
  const after = await (await fetch(at('metrics'))).text();
  expect(after).toContain(`fer_prediction_seconds_count ${before + 1}\n`);
  expect(after).toContain(`fer_prediction_seconds_bucket{le="+Inf"} ${before + 1}\n`);
  expect(after).toMatch(/fer_requests_total\{route="\/api\/predict",status="503"\} [1-9]/);
  expect(after).toMatch(/fer_requests_total\{route="other",status="404"\} [1-9]/);
  expect(after).toContain('fer_predictions_waiting 0\n');
  for (const line of after.trimEnd().split('\n')) {
    expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{[^{}]*\})? [\d.e+-]+)$/);
  }
});

describe('fer serve', () => {
  test('prints its address, and on SIGTERM ends what is under way first', async () => {
    const running = start(process.execPath, [
      CLI,
      'serve',
      `model=${tiny.model}`,
      `runs=${tiny.runs}`,
      'threads=2',
    ]);
    await running.said('Ctrl-C');
    await running.said('serves');
    const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(running.output())?.[0] ?? '';
    const under = fetch(`${url}api/predict${large}`, { method: 'POST', body: bytes(photo) });
    // Until the request has come in.
    for (let waiting = 0; waiting === 0; ) {
      const text = await (await fetch(`${url}metrics`)).text();
      waiting = Number(/fer_predictions_waiting (\d+)/.exec(text)?.[1]);
    }
    running.child.kill('SIGTERM');
    const answer = await under;
    expect(answer.status).toBe(200);
    expect(answer.headers.get('connection')).toBe('close');
    expect((await answer.json()).faces).toHaveLength(FACES_IN_PHOTO);
    const { code, signal, stderr } = await running.ended;
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(stderr).toMatch(/stopping/);
    await expect(fetch(url)).rejects.toThrow();
  });

  test('takes its settings, and tells where it is as one JSON value', async () => {
    const args = [
      CLI,
      'serve',
      'json=true',
      `model=${tiny.model}`,
      `runs=${tiny.runs}`,
      'threads=1',
      'max_mb=1',
    ];
    const origin = 'https://friend.example';
    const running = start(process.execPath, [...args, `cors=${origin}`, 'url=https://fer.example/']);
    await running.said('Ctrl-C');
    const told = JSON.parse(running.output().split('\n')[0]);
    expect(told).toEqual({
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/),
      pid: running.child.pid,
    });
    const ask = (body: BodyInit): Promise<Response> =>
      fetch(`${told.url}api/predict`, { method: 'POST', body, headers: { origin } });
    const large = await ask(new Uint8Array(2 ** 20 + 1));
    expect(large.status).toBe(413);
    expect(large.headers.get('access-control-allow-origin')).toBe(origin);
    expect((await ask(new Uint8Array(2 ** 20))).status).toBe(400);
    const { port } = new URL(told.url);
    const throughProxy = request({
      host: '127.0.0.1',
      port,
      path: '/api/runs',
      headers: { host: 'fer.example' },
    });
    throughProxy.end();
    const [answer] = await once(throughProxy, 'response');
    expect(answer.statusCode).toBe(200);
    answer.resume();
    running.child.kill('SIGTERM');
    const { code, stdout } = await running.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${JSON.stringify(told)}\n` });
  });

  test.each([
    [
      'a port that is taken',
      () => [`port=${new URL(server.url).port}`],
      1,
      /port \d+ of 127\.0\.0\.1 is taken/,
    ],
    ['an address of another machine', () => ['host=192.0.2.1'], 1, /no address of this machine/],
    ['a model that is not there', () => ['model=/nowhere'], 1, /no model at \/nowhere/],
    ['an origin that is none', () => ['cors=example'], 2, /cors/],
    ['an address that is none', () => ['url=example'], 2, /url must be an address such as/],
    [
      'one with an impossible port',
      () => ['url=https://a.example:99999'],
      2,
      /url must be an address such as/,
    ],
  ] as const)('refuses %s', async (_, args, code, message) => {
    const given = [`model=${tiny.model}`, ...args()];
    const answer = await fer('serve', ...given.slice(args()[0].startsWith('model=') ? 1 : 0));
    expect(answer.code).toBe(code);
    expect(answer.stderr).toMatch(message);
  });

  test('the model that comes with the package, or what to do without', () => {
    const there = existsSync(new URL('../models/vgg-fer2013/config.json', import.meta.url));
    if (there) expect(existsSync(releasedModel())).toBe(true);
    else expect(() => releasedModel()).toThrow(/that comes with fer is missing.*model=runs/);
  });
});
