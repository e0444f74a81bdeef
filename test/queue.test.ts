import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { writeFileAtomic } from '../src/io/files.ts';
import { QueueRunner } from '../src/tune/queueRunner.ts';
import { connect, queueServer } from '../src/tune/queueServer.ts';
import { KIND } from '../src/tune/trial.ts';
import { QUEUE, type TrialJob } from '../src/tune/trialJob.ts';
import { officialRow, temporaryFolder } from './dataFiles.ts';
import { cli, type Running } from './process.ts';
import { ran } from './ran.ts';
import { freePort, hasRedis, RedisServer } from './redis.ts';
import { fer, outcomesOf, QUICK, recordOf, until } from './study.ts';
import { figuresOf, outcomeOf } from './training.ts';
import { trialOf } from './trials.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);

describe.runIf(hasRedis())('with a real Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    mkdirSync(at('redis'));
    redis = await RedisServer.start(at('redis'));
  });
  afterAll(() => redis.kill());

  /** Processes of a test; none outlives it. */
  const workers: Running[] = [];
  const studies: Running[] = [];
  afterEach(async () => {
    const all = [...workers.splice(0), ...studies.splice(0)];
    for (const { child } of all) child.kill('SIGKILL');
    await Promise.all(all.map(({ ended }) => ended));
    // Whatever became of the test, the next one finds a server, and nothing in its queue.
    await redis.start();
    await redis.clear();
  });

  const unlessGiven = (options: readonly string[], args: readonly string[]): string[] =>
    options.filter((option) => !args.some((own) => own.startsWith(option.split('=')[0])));
  const worker = (folder: string, ...args: string[]): Running => {
    const lease = unlessGiven(['threads=1', 'lease=2'], args);
    const own = fer('worker', `queue=${redis.url}`, `studies=${folder}`, ...lease, ...args);
    workers.push(own);
    return own;
  };
  const outputOf = (processes: readonly Running[]): string =>
    processes.map(({ output }) => output()).join('');
  /** What all workers of the test said so far. */
  const said = (): string => outputOf(workers);
  const eventually = (wanted: () => boolean | Promise<boolean>): Promise<void> =>
    until(wanted, () => outputOf([...studies, ...workers]));
  const lines = (pattern: RegExp, text = said()): string[] => text.match(pattern) ?? [];
  const FINISHED = /^[0-9a-f]{16}(?=: finished)/gm;
  const STARTED = /^\S+(?=: started in process)/gm;
  const tune = (name: string, ...args: string[]): Running => {
    const place = [`name=${name}`, `studies=${at('studies')}`, `queue=${redis.url}`];
    const own = fer('tune', ...place, ...unlessGiven(QUICK, args), ...args);
    studies.push(own);
    return own;
  };
  /** A study of two trials that was killed before any worker came, and the queue that still has both. */
  const leftBehind = async (name: string, ...args: string[]) => {
    const study = tune(name, 'lr=0.01,0.1', ...args);
    await study.said('by workers of');
    const client = new Redis(redis.port, '127.0.0.1', { maxRetriesPerRequest: null });
    const queue = new Queue(QUEUE.name, { prefix: QUEUE.prefix, connection: client });
    await eventually(async () => (await queue.getPrioritizedCount()) === 2);
    study.child.kill('SIGKILL');
    await study.ended;
    const close = async (): Promise<void> => {
      await queue.close();
      client.disconnect();
    };
    return { queue, close };
  };
  const TWELVE = ['lr=0.01,0.1,0.3', 'optimizer=sgd,adam', 'seeds=2'];
  const HERE = ['tune', 'name=here', `studies=${folder.path}`, ...QUICK, ...TWELVE, 'jobs=2', 'threads=2'];

  beforeAll(async () => {
    const { code, stderr } = await cli(...HERE);
    expect(code, stderr).toBe(0);
  });

  test('two workers, one killed, Redis killed and restarted: each trial once, and the same bits', async () => {
    const first = worker(at('studies'));
    worker(at('studies'));
    const study = tune('far', ...TWELVE);
    // Killed while it has a trial that was saved and is not at its end.
    await eventually(() => {
      const [, hash] = lines(STARTED, first.output()).at(-1)?.split('-') ?? [];
      return hash !== undefined && existsSync(at('studies', 'far', 'trials', hash, 'last.safetensors'));
    });
    first.child.kill('SIGKILL');
    await eventually(() => lines(FINISHED).length >= 6);
    await redis.kill();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await redis.start();
    const { code, stdout, stderr } = await study.ended;
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('best weights:');
    expect(stderr).toMatch(/lost Redis at redis:\/\/127\.0\.0\.1:\d+: trying again/);
    expect(stderr).toMatch(/Redis at redis:\S+ is back/);
    expect(said()).toMatch(/the worker that had far-[0-9a-f]{16}-3 is gone: taken over/);
    const { trials, configurations } = recordOf(at('studies', 'far'));
    expect(configurations).toHaveLength(6);
    expect(new Set(trials.map(({ trial }) => trial)).size).toBe(12);
    expect(outcomesOf(at('studies', 'far'))).toEqual(outcomesOf(at('here')));
    // A trial counts where the server took its result, which no two workers saw of the same one.
    const finished = lines(FINISHED);
    expect(new Set(finished).size, said()).toBe(finished.length);
    expect(stderr.match(/^\d+\/12 /gm)).toHaveLength(12);
    for (const { trial } of trials) {
      const { names: _, ...bits } = outcomeOf(at('studies', 'far', 'trials', trial));
      const { names: __, ...same } = outcomeOf(at('here', 'trials', trial));
      expect(bits).toEqual(same);
    }
    ran(`Redis queue: 12 trials, ${lines(STARTED).length} starts, a worker and the server killed`);
  });

  test('wider: workers are given the new trials only', async () => {
    worker(at('studies'));
    const study = await tune('far', 'lr=0.01,0.1,0.3', 'optimizer=sgd,adam,adagrad', 'seeds=2').ended;
    expect(study.code, study.stderr).toBe(0);
    expect(lines(STARTED)).toHaveLength(6);
    expect(Object.keys(outcomesOf(at('studies', 'far')))).toHaveLength(18);
  });

  test('a study that is killed collects what workers did meanwhile', async () => {
    const elsewhere = at('elsewhere');
    const { queue, close } = await leftBehind('left');
    // A folder of its own: results come back through the queue, weights stay.
    worker(elsewhere);
    await eventually(() => lines(FINISHED).length === 2);
    const again = await tune('left', 'lr=0.01,0.1').ended;
    expect(again.code, again.stderr).toBe(0);
    expect(lines(STARTED)).toHaveLength(2);
    expect(await queue.getJobCounts()).toMatchObject({ completed: 0, failed: 0, waiting: 0, prioritized: 0 });
    await close();
    const { trials } = recordOf(at('studies', 'left'));
    expect(trials.map(({ run }) => run.startsWith(elsewhere))).toEqual([true, true]);
    expect(existsSync(at('studies', 'left', 'trials'))).toBe(false);
  });

  test('what workers did for a study without figures on test images gets them, and is not trained again', async () => {
    const { close } = await leftBehind('untested', 'test=false');
    worker(at('elsewhere'));
    await eventually(() => lines(FINISHED).length === 2);
    const runs = at('elsewhere', 'untested', 'trials');
    const trained = () =>
      readdirSync(runs).map((run) => statSync(join(runs, run, 'last.safetensors')).mtimeMs);
    const before = trained();
    const again = await tune('untested', 'lr=0.01,0.1').ended;
    await close();
    expect(again.code, again.stderr).toBe(0);
    const { trials } = recordOf(at('studies', 'untested'));
    expect(trials.map((trial) => typeof trial.test?.accuracy)).toEqual(['number', 'number']);
    expect(before).toHaveLength(2);
    expect(trained()).toEqual(before);
  });

  test('jobs that another version left are sent anew', async () => {
    const { queue, close } = await leftBehind('upgraded');
    for (const job of await queue.getJobs('prioritized'))
      await job.updateData({ ...job.data, kind: '0-old' });
    await close();
    worker(at('studies'));
    const { code, stderr } = await tune('upgraded', 'lr=0.01,0.1').ended;
    expect(code, stderr).toBe(0);
    expect(lines(FINISHED)).toHaveLength(2);
  });

  test('a worker that is stopped gives its trial back, saved', async () => {
    const first = worker(at('studies'));
    const study = tune('handed', 'lr=0.01', 'bs=4');
    await eventually(() => lines(STARTED).length === 1);
    const [, hash] = lines(STARTED)[0].split('-');
    await eventually(() => existsSync(at('studies', 'handed', 'trials', hash, 'last.safetensors')));
    first.child.kill('SIGINT');
    expect((await first.ended).code).toBe(130);
    expect(lines(FINISHED)).toEqual([]);
    worker(at('studies'));
    const { code, stderr } = await study.ended;
    expect(code, stderr).toBe(0);
    expect(lines(STARTED)).toHaveLength(2);
    expect(said()).not.toContain('is gone');
  });

  test('a worker of two trials at a time shares its threads between them, and gives both back', async () => {
    const pair = worker(at('studies'), 'jobs=2', 'threads=3');
    // Longer than any machine takes: both are under way together.
    const study = tune('pair', 'lr=0.01,0.1', 'n_epochs=100000');
    await eventually(() => lines(STARTED).length === 2);
    expect(lines(/(?<=started in process \d+, )\d+/g).sort()).toEqual(['1', '2']);
    const started = lines(STARTED);
    const saved = (id: string): boolean =>
      existsSync(at('studies', 'pair', 'trials', id.split('-')[1], 'last.safetensors'));
    await eventually(() => started.every(saved));
    pair.child.kill('SIGINT');
    expect((await pair.ended).code).toBe(130);
    worker(at('studies'), 'jobs=2', 'threads=2');
    await eventually(() => lines(STARTED).length === 4);
    expect(lines(STARTED).slice(2).sort()).toEqual([...started].sort());
    expect(said()).not.toContain('is gone');
    study.child.kill('SIGINT');
    expect((await study.ended).code).toBe(130);
  });

  test('a worker that the server is gone for too long saves its trial, and goes on when it is back', async () => {
    const own = worker(at('studies'));
    // Longer than any machine takes: the test ends it.
    const study = tune('fenced', 'lr=0.01', 'n_epochs=100000');
    await eventually(() => lines(STARTED).length === 1);
    const run = at('studies', 'fenced', 'trials', lines(STARTED)[0].split('-')[1]);
    await eventually(() => existsSync(join(run, 'history.csv')));
    await redis.kill();
    await eventually(() => said().includes('given up, as the server was not reached in time'));
    await eventually(() => !existsSync(join(run, '.lock')));
    const saved = figuresOf(run);
    await redis.start();
    await eventually(() => lines(STARTED).length === 2 && figuresOf(run).length > saved.length);
    own.child.kill('SIGINT');
    expect((await own.ended).code).toBe(130);
    study.child.kill('SIGINT');
    expect((await study.ended).code).toBe(130);
    const history = figuresOf(run);
    expect(history.slice(0, saved.length)).toEqual(saved);
    expect(history.slice(1).map(([epoch]) => Number(epoch))).toEqual(history.slice(1).map((_, i) => i + 1));
  });

  test('trials that are ahead are taken first, the others in order', async () => {
    const client = new Redis(redis.port, '127.0.0.1', { maxRetriesPerRequest: null });
    const place = { prefix: QUEUE.prefix, connection: client };
    const runner = new QueueRunner({
      client: client.duplicate(),
      server: redis.url,
      study: 'rungs',
      data: { source: 'synthetic', limit: 0 },
      test: false,
      onNote: () => undefined,
    });
    const queue = new Queue(QUEUE.name, place);
    const promises: Promise<unknown>[] = [];
    for (const [seed, priority] of [0, 0, 2, 1].entries()) {
      promises.push(runner.run({ trial: trialOf({ seed }), epochs: 1, priority }, () => undefined));
      await eventually(async () => (await queue.count()) > seed);
    }
    const taker = new Worker<TrialJob>(QUEUE.name, null, place);
    const taken = [];
    for (const _ of promises) taken.push((await taker.getNextJob('token'))?.data.settings.seed);
    expect(taken).toEqual(['2', '3', '0', '1']);
    runner.stop();
    await Promise.all([...promises, runner.close(), taker.close(), queue.close()]);
    client.disconnect();
  });

  test('data is known by its content; a worker without it says so', async () => {
    const rows = (first: number) =>
      Array.from({ length: 60 }, (_, i) =>
        officialRow(first + i, i % 7, ['Training', 'Training', 'PublicTest'][i % 3]),
      );
    const csv = (name: string, first: number): string => {
      writeFileAtomic(at(name), `emotion,pixels,Usage\n${rows(first).join('\n')}\n`);
      return at(name);
    };
    const [own, copy, other] = [csv('own.csv', 0), csv('copy.csv', 0), csv('other.csv', 500)];
    const study = tune('known', `data=${own}`, 'limit=20', 'lr=0.01');
    worker(at('poor'), `data=${other}`);
    await study.said('no data= of this worker has the images of own.csv with limit=20');
    expect(said()).toMatch(
      /no data= of this worker has the images of own\.csv with limit=20 \([0-9a-f]{12}\)/,
    );
    expect(lines(STARTED)).toEqual([]);
    worker(at('rich'), `data=${other},${copy}`);
    const { code, stderr } = await study.ended;
    expect(code, stderr).toBe(0);
    const [trial] = recordOf(at('studies', 'known')).trials;
    expect(trial.run).toBe(at('rich', 'known', 'trials', trial.trial));
    const config = JSON.parse(readFileSync(join(trial.run, 'config.json'), 'utf8'));
    expect(config.data.source).toBe(copy);
    expect(trial.test).toBeNull();
  });

  test('Ctrl-C of a study takes back what nobody has begun', async () => {
    const study = tune('waiting', 'lr=0.01,0.1');
    await study.said('no worker is connected');
    study.child.kill('SIGINT');
    const { code, stderr } = await study.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('no worker is connected to redis://127.0.0.1:');
    expect(stderr).toContain('the same command goes on');
    const client = new Redis(redis.port, '127.0.0.1');
    expect(await client.keys('fer:trials:waiting*')).toEqual([]);
    client.disconnect();
  });

  test('hostile jobs are refused, and do not stop a worker', async () => {
    const client = new Redis(redis.port, '127.0.0.1', { maxRetriesPerRequest: null });
    const queue = new Queue(QUEUE.name, { prefix: QUEUE.prefix, connection: client });
    for (const data of [
      null,
      { kind: KIND, study: '../../etc' },
      { kind: KIND, study: 'x', trial: '../x' },
    ]) {
      await queue.add('trial', data);
    }
    worker(at('hostile'));
    await eventually(() => lines(/the job is no trial/g).length === 3);
    expect(await queue.getFailedCount()).toBe(3);
    await queue.obliterate({ force: true });
    await queue.close();
    client.disconnect();
    expect(existsSync(at('hostile'))).toBe(false);
    const study = await tune('after', 'lr=0.01').ended;
    expect(study.code, study.stderr).toBe(0);
  });

  test('a password that is wrong, or right in the environment', async () => {
    mkdirSync(at('locked'));
    const locked = await RedisServer.start(at('locked'), '--requirepass', 'sesame');
    try {
      const url = `redis://:wrong@127.0.0.1:${locked.port}`;
      const refused = await cli('worker', `queue=${url}`);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(
        /Redis at redis:\/\/127\.0\.0\.1:\d+ refuses us \(WRONGPASS\): check user/,
      );
      expect(refused.stderr).not.toContain('wrong');
      const right = queueServer(locked.url, { FER_QUEUE_PASSWORD: 'sesame' });
      const client = await connect(right, () => undefined);
      expect(await client.ping()).toBe('PONG');
      client.disconnect();
    } finally {
      await locked.kill();
    }
  });
});

test('a server that does not answer', async () => {
  const server = queueServer(`redis://me:secret@127.0.0.1:${await freePort()}/3`);
  const attempt = connect(server, () => undefined, 0.5);
  await expect(attempt).rejects.toThrow(
    /^Redis at redis:\/\/127\.0\.0\.1:\d+\/3 does not answer \(ECONNREFUSED\): start it \(redis-server\), or check host/,
  );
  await expect(attempt).rejects.not.toThrow(/secret/);
});
