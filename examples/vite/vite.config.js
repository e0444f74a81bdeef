import { createRequire } from 'node:module';
import { dirname } from 'node:path';

// Threads may share memory on isolated pages only.
const isolated = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const fer = dirname(createRequire(import.meta.url).resolve('fer/package.json'));

export default {
  base: './',
  // fer brings a worker and files beside it: Vite's development server must leave them where they are.
  optimizeDeps: { exclude: ['fer'] },
  worker: { format: 'es' },
  // A folder that npm has linked lies outside of this one.
  server: { headers: isolated, fs: { allow: ['.', fer] } },
  preview: { headers: isolated },
};
