// Compiles the AssemblyScript kernels to WebAssembly, once for each instruction set.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { binOf, root, runNode } from './run.mjs';

const source = 'src/engine/backend/wasm/kernels';
const entry = `${source}/index.ts`;
const generator = 'dist/engine/backend/wasm/generate.js';
const output = 'build/kernels';
const stampFile = 'build/kernels.sha256';

// The memory comes from outside (`env.memory`), shared and as large as wasm32 allows: any shared memory of
// at least one page fits. Every thread instantiates the module over that one memory. `stub` is the runtime
// without a garbage collector: the kernels only see addresses.
const common = [
  ['--optimizeLevel', '3'],
  ['--shrinkLevel', '0'],
  ['--noAssert'],
  ['--runtime', 'stub'],
  ['--importMemory'],
  ['--noExportMemory'],
  ['--sharedMemory'],
  ['--initialMemory', '1'],
  ['--maximumMemory', '65536'],
  ['--enable', 'threads'],
  ['--enable', 'simd'],
  ['--noColors'],
].flat();

const builds = [
  { name: 'simd', flags: ['--use', 'FER_WIDE=0'] },
  { name: 'relaxed', flags: ['--enable', 'relaxed-simd', '--use', 'FER_WIDE=0'] },
  { name: 'wide', flags: ['--enable', 'relaxed-simd', '--use', 'FER_WIDE=1'] },
];

/** Builds what is stale and returns one line that says what was done. Throws with the compiler's messages. */
export async function buildKernels() {
  generate();
  if (!existsSync(join(root, entry))) throw new Error(`${entry} is missing: there are no kernels to compile`);
  const stamp = stampOfSources();
  if (isFresh(stamp)) return 'kernels unchanged';
  mkdirSync(join(root, output), { recursive: true });
  const sizes = [];
  for (const { name, flags } of builds) {
    const bytes = await compile(name, flags);
    check(name, bytes);
    replace(join(root, output, `${name}.wasm`), bytes);
    sizes.push(`${name} ${(bytes.length / 1024).toFixed(1)} KiB`);
  }
  replace(join(root, stampFile), `${stamp}\n`);
  return `kernels compiled: ${sizes.join(', ')}`;
}

/** Some kernels are written by a program of the backend; it is compiled before this runs. */
function generate() {
  if (!existsSync(join(root, generator))) return;
  const { code, output: said } = runNode(join(root, generator));
  if (code !== 0) throw new Error(`${generator} failed with code ${code}\n${said}`);
}

/** Digest of all that decides the result: every source file, the flags and the compiler's version. */
function stampOfSources() {
  const hash = createHash('sha256');
  const manifest = readFileSync(join(binOf('assemblyscript', 'asc'), '../../package.json'), 'utf8');
  hash.update(JSON.stringify([JSON.parse(manifest).version, common, builds]));
  const files = readdirSync(join(root, source), { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name))
    .sort();
  for (const file of files) {
    const bytes = readFileSync(file);
    hash.update(`\0${file.slice(root.length)}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

function isFresh(stamp) {
  const files = [stampFile, ...builds.map(({ name }) => `${output}/${name}.wasm`)];
  return (
    files.every((file) => existsSync(join(root, file))) &&
    readFileSync(join(root, stampFile), 'utf8').trim() === stamp
  );
}

async function compile(name, flags) {
  const { main } = await import('assemblyscript/asc');
  let bytes;
  const result = await main([entry, '--outFile', `${name}.wasm`, ...common, ...flags], {
    baseDir: root,
    readFile: (file, baseDir) => {
      const path = join(baseDir, file);
      return existsSync(path) ? readFileSync(path, 'utf8') : null;
    },
    writeFile: (_file, contents) => {
      bytes = contents;
    },
  });
  const said = result.stderr.toString().trim();
  if (result.error || !bytes) throw new Error(`asc, ${name} build: ${result.error?.message ?? ''}\n${said}`);
  if (said !== '') console.error(said);
  return Buffer.from(bytes);
}

/**
 * Refuses a module that would not work in the engine: one that this Node cannot validate, that imports more
 * than the memory (`abort` slips in with a bounds-checked array or a `throw`), or that owns static data:
 * each thread would write it again, over whatever the engine has put there.
 */
function check(name, bytes) {
  if (!WebAssembly.validate(bytes)) setFlagsFromString('--experimental-wasm-relaxed-simd');
  if (!WebAssembly.validate(bytes)) throw new Error(`${name}.wasm is not valid in Node ${process.version}`);
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes)).map(
    (i) => `${i.module}.${i.name}`,
  );
  if (imports.join() !== 'env.memory') {
    throw new Error(`${name}.wasm imports ${imports.join(', ') || 'nothing'}: expected env.memory alone`);
  }
  if (sectionsOf(bytes).includes(DATA_SECTION)) {
    throw new Error(`${name}.wasm has static data (a string, StaticArray or memory.data): pass it in memory`);
  }
}

const DATA_SECTION = 11;

/** The section ids of a module, in order (WebAssembly core specification, 5.5.2). */
function sectionsOf(bytes) {
  const ids = [];
  let at = 8; // after the magic number and the version
  while (at < bytes.length) {
    ids.push(bytes[at++]);
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      size |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    at += size;
  }
  return ids;
}

/** A reader sees the old file or the new one, never half of one. */
function replace(file, contents) {
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, contents);
  renameSync(temporary, file);
}
