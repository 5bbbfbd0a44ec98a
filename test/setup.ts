/// <reference types="vite/types/importMeta.d.ts" />
import { afterAll, expect } from 'vitest';

/** What Node had to say about this process, and what nobody caught in it. */
const complaints: string[] = [];

process.on('warning', ({ name, message, stack }) => complaints.push(stack ?? `${name}: ${message}`));
process.on('unhandledRejection', (reason) => {
  complaints.push(`Nobody caught: ${reason instanceof Error ? reason.stack : String(reason)}`);
});

/** A warning is a fault. Node emits it a tick after its cause. */
afterAll(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  expect(complaints).toEqual([]);
});
