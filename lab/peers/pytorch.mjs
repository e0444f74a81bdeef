// PyTorch as a peer: a child process that answers one request a line (lab/pytorch/vgg.py).
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { askLines } from './lines.mjs';

const server = fileURLToPath(new URL('../pytorch/vgg.py', import.meta.url));

/** The first Python that has PyTorch: the one named by FER_PYTHON, else Debian's, else the one on the path. */
export function pythonWithTorch() {
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

/** What each library of PyTorch calls a processor with AVX2 and no more. */
const AVX2 = { ATEN_CPU_CAPABILITY: 'avx2', DNNL_MAX_CPU_ISA: 'AVX2', OPENBLAS_CORETYPE: 'Haswell' };

/** Where Debian keeps the BLAS that python3-torch pulls in by itself. */
const REFERENCE_BLAS = '/usr/lib/x86_64-linux-gnu/blas';

/**
 * Starts the server. `measure({ what, bs, crops, threads, steps, layout })` resolves to its answer, with `seconds` a
 * step and `imagesPerSecond`; one request at a time. Between requests the process sleeps on its input.
 *
 * @param blas `optimised` is whatever the system links, and refused if it is the reference BLAS; `reference` is
 *   that one on purpose: PyTorch as Debian installs it
 * @param isa `avx2` keeps PyTorch, oneDNN and OpenBLAS from using AVX-512
 */
export function startPyTorch({ blas = 'optimised', isa = 'all' } = {}) {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  if (isa === 'avx2') Object.assign(env, AVX2);
  else if (isa !== 'all') throw new Error(`isa=${isa}: expected all or avx2`);
  if (blas === 'reference') Object.assign(env, { LD_LIBRARY_PATH: REFERENCE_BLAS, FER_BLAS: 'reference' });
  const child = spawn(pythonWithTorch(), [server], { stdio: ['pipe', 'pipe', 'inherit'], env });
  const { ask, stop } = askLines(child, 'PyTorch');
  return { measure: ask, stop };
}
