import { defineConfig } from 'vite';

/** The sandbox's page. Nothing is put into it inline: its content security policy forbids that. */
export default defineConfig({
  root: 'src/page',
  build: {
    outDir: '../../dist/page',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2023',
  },
});
