// Compiles the face detector's kernels into src/face/wasm/module.ts: `node scripts/faceKernels.mjs` after a change.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = 'src/face/wasm/index.ts';
export const target = join(root, 'src/face/wasm/module.ts');

// The memory comes from outside and is not shared: a page without special headers has none that is.
const flags = [
  ...['--optimizeLevel', '3', '--shrinkLevel', '0', '--noAssert', '--runtime', 'stub', '--noColors'],
  ...['--importMemory', '--noExportMemory', '--initialMemory', '0', '--enable', 'simd'],
];

/** The text of module.ts. Throws with the compiler's messages. */
export async function compileFaceKernels() {
  const { main } = await import('assemblyscript/asc');
  let bytes;
  const { error, stderr } = await main([source, '--outFile', 'face.wasm', ...flags], {
    baseDir: root,
    readFile(file, baseDir) {
      try {
        return readFileSync(join(baseDir, file), 'utf8');
      } catch {
        return null;
      }
    },
    writeFile(_file, contents) {
      bytes = contents;
    },
  });
  if (error || !bytes) throw new Error(`asc: ${error?.message ?? ''}\n${stderr}`);
  const base64 = Buffer.from(bytes).toString('base64');
  const lines = base64.match(/.{1,96}/g).map((line) => `  '${line}'`);
  return [
    '// Compiled from index.ts by scripts/faceKernels.mjs. Do not edit.',
    '',
    '/** A WebAssembly module, in base64. */',
    `export const FACE_KERNELS =`,
    `${lines.join(' +\n')};`,
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = await compileFaceKernels();
  writeFileSync(target, text);
  console.log(`${target}: ${text.length} characters`);
}
