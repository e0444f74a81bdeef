// Threads may share memory on isolated pages only.
const isolated = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default {
  base: './',
  // fer brings a worker and files beside it: Vite's development server must leave them where they are.
  optimizeDeps: { exclude: ['fer'] },
  worker: { format: 'es' },
  server: { headers: isolated },
  preview: { headers: isolated },
};
