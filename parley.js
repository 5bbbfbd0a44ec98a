#!/usr/bin/env node
// What `npm link` and `npx .` start. It is no part of what is built, so that it can be started before, and after each build.
import { existsSync } from 'node:fs';

const program = new URL('dist/src/main.js', import.meta.url);
if (existsSync(program)) await import(program.href);
else {
  console.error('Parley is not built yet: run “npm run build” in its folder.');
  process.exitCode = 1;
}
