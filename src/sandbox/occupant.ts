import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

// Two sandboxes in one folder would overwrite each other's world. So each leaves word of where it can be asked.

const Word = z.object({ origin: z.string(), guildId: z.string() });

const fileIn = (folder: string) => join(folder, 'address');

/** Where a sandbox runs in this folder, if one does; one that was killed left its word too, and does not answer to it. */
export async function occupantOf(folder: string): Promise<string | undefined> {
  try {
    const { origin, guildId } = Word.parse(JSON.parse(readFileSync(fileIn(folder), 'utf8')));
    const response = await fetch(`${origin}/sandbox/home`, { signal: AbortSignal.timeout(1_000) });
    const home = Word.pick({ guildId: true }).parse(await response.json());
    return home.guildId === guildId ? origin : undefined;
  } catch {
    return undefined;
  }
}

/** Leaves word in a folder that a sandbox runs in it; returns how to take it back. */
export function occupy(folder: string, origin: string, guildId: string): () => void {
  writeFileSync(fileIn(folder), JSON.stringify({ origin, guildId } satisfies z.infer<typeof Word>));
  return () => rmSync(fileIn(folder), { force: true });
}
