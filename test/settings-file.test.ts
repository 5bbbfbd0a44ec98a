import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSettingsFile } from '../src/settings-file.js';

/** A folder with this `.env`, or without one. */
function folderWith(text?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-settings-'));
  if (text !== undefined) writeFileSync(join(folder, '.env'), text);
  return folder;
}

function read(here: string, own: string, environment: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  readSettingsFile(environment, here, own);
  return environment;
}

test('the .env of the folder that Parley is run in counts, and what stands in the environment counts more', () => {
  const here = folderWith('OPENAI_MODEL=here\nSYSTEM_PROMPT="Be\nbrief."\nDATABASE_PATH=kept.db\n');
  const own = folderWith('OPENAI_API_KEY=own\nDATABASE_PATH=own.db\n');
  expect(read(here, own, { OPENAI_MODEL: 'told', LOG_LEVEL: '' })).toEqual({
    ...{ OPENAI_MODEL: 'told', LOG_LEVEL: '', SYSTEM_PROMPT: 'Be\nbrief.', DATABASE_PATH: 'kept.db' },
  });
});

test('where that says nothing of Parley, its own counts, and a relative path of a database in it means its folder', () => {
  const own = folderWith('OPENAI_MODEL=own\nDATABASE_PATH=kept/own.db\n');
  const expected = { OPENAI_MODEL: 'own', DATABASE_PATH: join(own, 'kept/own.db') };
  expect(read(folderWith(), own)).toEqual(expected);
  expect(read(folderWith('DATABASE_URL=postgres://localhost\n'), own)).toEqual(expected);
  expect(read(own, own)).toEqual({ OPENAI_MODEL: 'own', DATABASE_PATH: 'kept/own.db' });
});

test('the usual database of Parley’s own .env is in its folder too, but one of the environment is where that says', () => {
  const own = folderWith('OPENAI_MODEL=own\n');
  expect(read(folderWith(), own).DATABASE_PATH).toBe(join(own, 'data/parley.db'));
  expect(read(folderWith(), own, { DATABASE_PATH: 'mine.db' }).DATABASE_PATH).toBe('mine.db');
  expect(read(folderWith(), folderWith())).toEqual({});
});
