import { describe, expect, test } from 'vitest';
import { DeviceError, PictureError, UsageError } from '../errors.ts';
import { RecognizerClient, type Thread } from './client.ts';
import type { Reply, Request } from './protocol.ts';
import type { RecognizedFace } from './types.ts';

/** A recogniser whose thread answers as it is told, and the pictures that were read for it. */
async function opened(answer: (request: Request) => Reply | undefined) {
  const read: string[] = [];
  const busy: boolean[] = [];
  let tell: (message: unknown) => void = () => {};
  const thread: Thread = {
    post(message) {
      const request = message as Request;
      const reply =
        request.call === 'open' ? { id: request.id, gives: { model: {}, device: 'none' } } : answer(request);
      if (reply) queueMicrotask(() => tell(reply));
    },
    listen: (onMessage) => {
      tell = onMessage;
    },
    onEnd: () => {},
    busy: (yes) => busy.push(yes),
    end: async () => {},
  };
  const discarded: string[] = [];
  const send = async (picture: string) => {
    read.push(picture);
    return { picture, transfer: [], discard: () => discarded.push(picture) };
  };
  return {
    client: await RecognizerClient.open<string, string>(thread, {}, { send, group: 2 }),
    read,
    reply: (message: Reply) => tell(message),
    busy,
    discarded,
  };
}
const failing = (name: string) => (request: Request) => ({ id: request.id, error: { name, message: 'why' } });
const PICTURES = Array.from({ length: 9 }, (_, i) => `${i}.jpg`);

describe('a recogniser', () => {
  test('whose device has failed says so from then on, and reads no more pictures', async () => {
    const { client, read } = await opened(failing('DeviceError'));
    expect(client.problem).toBeUndefined();
    await expect(client.recognize('a.jpg')).rejects.toThrow(DeviceError);
    expect(client.problem).toEqual(new DeviceError('why'));
    await expect(client.recognize('b.jpg')).rejects.toThrow('why');
    expect(read).toEqual(['a.jpg']);
  });

  test('whose device has failed keeps no program alive, whatever else it was asked', async () => {
    const { client, busy } = await opened((request) =>
      request.id === 1 ? failing('DeviceError')(request) : undefined,
    );
    await expect(client.recognize(PICTURES)).rejects.toThrow(DeviceError);
    expect(busy.at(-1)).toBe(false);
  });

  test('does not begin to explain what is wanted no more', async () => {
    const answers: (() => void)[] = [];
    const posted: number[] = [];
    const { client, reply } = await opened((request) => {
      if (request.call === 'explain') {
        posted.push((request.takes as { crop: Uint8Array }).crop[0]);
        answers.push(() => reply({ id: request.id, gives: posted.at(-1) }));
      }
      return undefined;
    });
    const stale = new AbortController();
    const explain = (i: number, signal?: AbortSignal) => client.explain(Uint8Array.of(i), { signal });
    const given = [0, 1, 2, 3].map((i) => explain(i, stale.signal));
    const wanted = explain(4);
    await new Promise((resolve) => setTimeout(resolve, 5));
    stale.abort('enough');
    expect((await Promise.allSettled(given)).map(({ status }) => status)).toEqual(
      given.map(() => 'rejected'),
    );
    answers[0]();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(posted).toEqual([0, 1, 4]);
    answers[2]();
    expect(await wanted).toBe(4);
  });

  test('goes on after a picture that cannot be read', async () => {
    const { client } = await opened(failing('PictureError'));
    await expect(client.recognize('a.jpg')).rejects.toThrow(PictureError);
    expect(client.problem).toBeUndefined();
  });

  test('that is closed fails what is under way, and reads none of what waits for its turn', async () => {
    const { client, read } = await opened(() => undefined);
    const all = PICTURES.map((picture) => client.recognize(picture).catch((error: Error) => error.message));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await client.close();
    expect(new Set(await Promise.all(all))).toEqual(new Set(['the recognizer is closed']));
    expect(read).toEqual(PICTURES.slice(0, 2));
  });

  test('is given a long list in groups', async () => {
    const groups: unknown[] = [];
    const { client } = await opened(({ id, takes }) => {
      const { pictures } = takes as { pictures: string[] };
      groups.push(pictures.length);
      return { id, gives: pictures.map((picture) => [picture]) };
    });
    expect(await client.recognize(PICTURES)).toEqual(PICTURES.map((picture) => [picture]));
    expect(groups).toEqual([2, 2, 2, 2, 1]);
  });

  test('does not let one picture wait for all of a long list', async () => {
    const posted: string[] = [];
    const { client } = await opened(({ id, takes }) => {
      const { pictures } = takes as { pictures: string[] };
      posted.push(pictures.join());
      return { id, gives: pictures.map((picture) => [picture]) };
    });
    const list = client.recognize(PICTURES);
    expect(await client.recognize('now.jpg')).toEqual(['now.jpg']);
    expect(posted.indexOf('now.jpg')).toBeLessThanOrEqual(2);
    expect(await list).toEqual(PICTURES.map((picture) => [picture]));
  });

  test('begins no further group of a list after one that failed', async () => {
    const { client, read } = await opened(failing('PictureError'));
    await expect(client.recognize(PICTURES)).rejects.toThrow(PictureError);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(read).toEqual(PICTURES.slice(0, 4));
  });

  test('fails a call alone whose listener of progress throws', async () => {
    const { client, reply, busy } = await opened(() => undefined);
    const onProgress = (): never => {
      throw new Error('in the listener');
    };
    const face = new Uint8Array(4);
    const failed = expect(client.explain(face, { onProgress })).rejects.toThrow('in the listener');
    const other = client.explain(face);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(() => reply({ id: 1, progress: 0.5 })).not.toThrow();
    await failed;
    // What the thread still says of it is heard by nobody.
    reply({ id: 1, progress: 1 });
    reply({ id: 1, gives: 'late' });
    expect(busy.at(-1)).toBe(true);
    reply({ id: 2, gives: 'map' });
    expect(await other).toBe('map');
    expect(busy.at(-1)).toBe(false);
    expect(client.problem).toBeUndefined();
  });

  test.each([
    ['nothing', undefined, /found undefined/],
    ['null', null, /found null/],
    ['a crop of null', { crop: null }, /found a crop that is null/],
    ['numbers in a list', [0, 1], /found an object of Array/],
    ['a face that went through JSON', { crop: { 0: 7, 1: 8 } }, /a crop that is an object of Object/],
    ['a text', 'face.png', /found string/],
  ])('does not explain %s', async (_, face, message) => {
    const { client } = await opened(() => undefined);
    const asked = client.explain(face as unknown as RecognizedFace);
    await expect(asked).rejects.toThrow(UsageError);
    await expect(asked).rejects.toThrow(/^expected a face that `recognize` gave, or its crop/);
    await expect(asked).rejects.toThrow(message);
  });

  test('gives a call up at once when its signal is aborted, and reads none of what waits', async () => {
    const posted: Request[] = [];
    const { client, read } = await opened((request) => {
      posted.push(request);
      return undefined;
    });
    const stop = new AbortController();
    const { signal } = stop;
    const list = client.recognize(PICTURES, { signal, crops: 1 });
    const face = client.explain(new Uint8Array(4), { signal });
    await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort(new Error('enough'));
    await expect(list).rejects.toThrow('enough');
    await expect(face).rejects.toThrow('enough');
    // Two groups are read ahead; a signal does not cross to the thread.
    expect(read).toEqual(PICTURES.slice(0, 4));
    expect(posted.map(({ takes }) => (takes as { options: object }).options)).toEqual([
      {},
      { crops: 1 },
      { crops: 1 },
    ]);
    await expect(client.recognize('late.jpg', { signal })).rejects.toThrow('enough');
    await expect(client.recognize('late.jpg', { signal: AbortSignal.abort() })).rejects.toThrow(
      expect.objectContaining({ name: 'AbortError' }),
    );
    expect(read).toHaveLength(4);
    expect(client.problem).toBeUndefined();
  });

  test('takes one signal for many calls without a warning', async () => {
    const warned: Error[] = [];
    const hear = (warning: Error): number => warned.push(warning);
    process.on('warning', hear);
    const { client } = await opened(() => undefined);
    const stop = new AbortController();
    const calls = Array.from({ length: 12 }, () =>
      client.explain(new Uint8Array(4), { signal: stop.signal }),
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort('enough');
    expect(await Promise.allSettled(calls)).toEqual(
      calls.map(() => ({ status: 'rejected', reason: 'enough' })),
    );
    process.off('warning', hear);
    expect(warned).toEqual([]);
  });

  test('whose call was given up answers the next ones', async () => {
    const { client, discarded } = await opened(({ id, takes }) => {
      const { pictures } = takes as { pictures: string[] };
      return { id, gives: pictures.map((picture) => [picture]) };
    });
    const { signal } = new AbortController();
    expect(await client.recognize('a.jpg', { signal })).toEqual(['a.jpg']);
    const stop = new AbortController();
    const given = client.recognize(PICTURES, { signal: stop.signal });
    // While the first ones are read.
    await Promise.resolve();
    stop.abort();
    await expect(given).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    expect(await client.recognize(PICTURES, { signal })).toHaveLength(9);
    expect(discarded).toEqual(PICTURES.slice(0, 4));
  });
});
