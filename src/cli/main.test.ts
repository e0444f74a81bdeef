import { describe, expect, test } from 'vitest';
import { option } from '../config/option.ts';
import { bool, int } from '../config/value.ts';
import { FerError, Interrupted } from '../errors.ts';
import { printable } from '../term/plainText.ts';
import { main } from './main.ts';
import type { Output } from './output.ts';
import { type Verb, verb } from './verb.ts';

const CLEAR = '\r\u001b[K';

async function run(argv: string[], verbs?: Verb[], isTTY = false) {
  const text = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY,
    columns: 80,
    write: (chunk: string) => {
      text[name] += chunk;
    },
  });
  const code = await main(argv, { stdout: stream('stdout'), stderr: stream('stderr') }, verbs);
  return { code, ...text };
}

const options = {
  n: option(int({ min: 1 }), 2, 'how many to count'),
  json: option(bool(), false, 'one JSON value'),
};
const counting = (body: (out: Output, n: number) => Promise<number | undefined>) => [
  verb({
    name: 'count',
    summary: 'count to n',
    options,
    examples: ['fer count n=3'],
    load: async () => ({ run: ({ config }, out) => body(out, config.n) }),
  }),
];
const throwing = (error: unknown) => counting(() => Promise.reject(error));

describe('help and version', () => {
  test.each([[[]], [['--help']], [['-h']], [['help']]])('%j lists the verbs', async (argv) => {
    const { code, stdout, stderr } = await run(argv);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const name of ['train', 'evaluate', 'predict', 'bench', 'data'])
      expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  });

  test.each([[['train', '--help']], [['help', 'train']], [['train', 'bs=8', '-h']]])(
    '%j explains the verb',
    async (argv) => {
      const { code, stdout } = await run(argv);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^ {2}bs=64 /m);
    },
  );

  test('--version', async () => {
    expect((await run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('exit codes', () => {
  test('0, or what the verb says', async () => {
    expect(
      (
        await run(
          ['count'],
          counting(async () => undefined),
        )
      ).code,
    ).toBe(0);
    expect(
      (
        await run(
          ['count'],
          counting(async () => 1),
        )
      ).code,
    ).toBe(1);
  });

  test('an unknown verb is wrong usage and the nearest is named', async () => {
    const { code, stdout, stderr } = await run(['evalute']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('unknown verb "evalute". Did you mean fer evaluate?');
    expect((await run(['help', 'trian'])).stderr).toContain('Did you mean fer train?');
  });

  test('a wrong option is wrong usage', async () => {
    const { code, stdout, stderr } = await run(
      ['count', 'n=zero'],
      counting(async () => 0),
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe('fer count: n=zero: n must be a whole number >= 1.\nSee: fer count --help\n');
  });

  test('what the user can mend: the message alone', async () => {
    const { code, stderr } = await run(['count'], throwing(new FerError('a.csv, line 3: 5 pixels')));
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'a.csv, line 3: 5 pixels\n' });
  });

  test('an interruption is 130', async () => {
    const { code, stderr } = await run(['count'], throwing(new Interrupted('saved')));
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'saved\n' });
  });

  test('a bug shows its stack', async () => {
    const { code, stderr } = await run(['count'], throwing(new TypeError('oops')));
    expect(code).toBe(1);
    expect(stderr).toMatch(/TypeError: oops\n +at .*main\.test\.ts/);
    expect(stderr).toMatch(/This is a bug in fer \d.*Please report/);
  });
});

describe('output', () => {
  const verbose = counting(async (out, n) => {
    const progress = out.progress({ label: 'counting', total: n });
    progress.update(n);
    out.note('a remark');
    out.result({ n, color: out.color }, () => `counted to ${n}`);
    return 0;
  });

  test('text goes to standard output, remarks to standard error', async () => {
    const { stdout, stderr } = await run(['count', 'n=3'], verbose);
    expect({ stdout, stderr }).toEqual({ stdout: 'counted to 3\n', stderr: 'a remark\n' });
  });

  test('json=true leaves one JSON value and nothing else', async () => {
    const { stdout, stderr } = await run(['count', 'json=true'], verbose, true);
    expect(JSON.parse(stdout)).toEqual({ n: 2, color: false });
    expect(stderr).toContain('a remark\n');
  });

  test('a terminal obeys nothing that names hold', async () => {
    const name = 'a\u001b]0;title\u0007\u001b[2J\u009b1A\r\u001b[31mb\n';
    const shown = 'a ]0;title  [2J 1A b\n\n';
    const naming = counting(async (out) => {
      out.note(name);
      out.result([name], () => name);
      throw new FerError(name);
    });
    const { stdout, stderr } = await run(['count'], naming);
    expect({ stdout, stderr }).toEqual({ stdout: shown, stderr: shown.repeat(2) });
    expect((await run(['count', 'json=true'], naming)).stdout).toBe(`${JSON.stringify([name])}\n`);
    expect(printable('\u001b[1;32mgreen\u001b[39m\u001b[2J', true)).toBe('\u001b[1;32mgreen\u001b[39m [2J');
  });

  test('a second JSON value is a bug', async () => {
    const twice = counting(async (out) => {
      out.result(1, String);
      out.result(2, String);
      return 0;
    });
    expect((await run(['count', 'json=true'], twice)).stderr).toContain('two JSON values');
  });

  test('a bar on a terminal is gone before a line is printed and when the verb fails', async () => {
    const { stderr } = await run(['count'], verbose, true);
    expect(stderr).toContain('100%');
    expect(stderr.endsWith(`${CLEAR}a remark\n`)).toBe(true);
    const failing = counting(async (out) => {
      out.progress({ label: 'counting', total: 4 }).update(1);
      throw new FerError('no more');
    });
    const after = await run(['count'], failing, true);
    expect(after.stderr.endsWith(`${CLEAR}no more\n`)).toBe(true);
  });
});
