// PyTorch as a peer: a child process that answers one request a line (lab/pytorch/vgg.py).
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const server = fileURLToPath(new URL('../pytorch/vgg.py', import.meta.url));

/** The first Python that has PyTorch: the one named by FER_PYTHON, else Debian's, else the one on the path. */
function pythonWithTorch() {
  const named = process.env.FER_PYTHON;
  const candidates = named ? [named] : ['/usr/bin/python3', 'python3'];
  const found = candidates.find(
    (python) => spawnSync(python, ['-c', 'import torch'], { stdio: 'ignore' }).status === 0,
  );
  if (found) return found;
  throw new Error(
    `no PyTorch in ${candidates.join(' or ')}. Install it (Debian: apt-get install python3-torch libopenblas0) ` +
      'or name a Python that has it in FER_PYTHON. Nothing else of this project needs it.',
  );
}

/**
 * Starts the server. `measure({ what, bs, crops, threads, steps, layout })` resolves to its answer, with `seconds` a
 * step and `imagesPerSecond`; one request at a time. Between requests the process sleeps on its input.
 */
export function startPyTorch() {
  const child = spawn(pythonWithTorch(), [server], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  });
  const answers = createInterface({ input: child.stdout });
  const ended = once(child, 'close').then(([code]) => {
    throw new Error(`PyTorch's process ended with code ${code}`);
  });
  ended.catch(() => {}); // reported where an answer is awaited
  return {
    async measure(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const [line] = await Promise.race([once(answers, 'line'), ended]);
      const answer = JSON.parse(line);
      if (answer.error) throw new Error(`PyTorch: ${answer.error}`);
      return answer;
    },
    stop() {
      child.stdin.end();
    },
  };
}
