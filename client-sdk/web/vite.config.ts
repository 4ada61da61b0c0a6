// How the page is built: into the server's folder, with hashes in the names, nothing inline (CSP).
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { compressed } from './compress.ts';

const out = fileURLToPath(new URL('../../server/static', import.meta.url));

export default defineConfig({
  plugins: [react(), compressed(out)],
  // Two copies of Yjs in one page would not know each other's types.
  resolve: { dedupe: ['yjs', 'lib0', 'y-protocols', 'react', 'react-dom'] },
  build: {
    outDir: out,
    emptyOutDir: true,
    target: 'es2022',
    // Of a style that could not be loaded once Vite knows only that it was asked for: the view stays without.
    cssCodeSplit: false,
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // No picture and no script goes into another file: the page's policy allows only files of its own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
