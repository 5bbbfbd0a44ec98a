/// <reference types="vite/types/importMeta.d.ts" />
import { afterAll, expect } from 'vitest';

/** What Node had to say about this process, and what nobody caught in it. */
const complaints: string[] = [];

const onWarning = ({ name, message, stack }: Error) => complaints.push(stack ?? `${name}: ${message}`);
const onUncaught = (reason: unknown) =>
  complaints.push(`Nobody caught: ${reason instanceof Error ? reason.stack : String(reason)}`);

process.on('warning', onWarning);
process.on('unhandledRejection', onUncaught);

/** A warning is a fault. Node emits it a tick after its cause. */
afterAll(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', onWarning);
  process.off('unhandledRejection', onUncaught);
  expect(complaints).toEqual([]);
});
