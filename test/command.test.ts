import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { actionsOf, loadCommands } from '../src/command.js';

function folderOf(files: Record<string, string>): URL {
  const folder = mkdtempSync(join(tmpdir(), 'parley-commands-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return pathToFileURL(`${folder}/`);
}

const command = (name: string, more = ''): string =>
  `export default { name: '${name}', description: 'Does it.', isPrivate: () => true, async run() { return 'done'; }, ${more} };`;

test('each file of the folder is a command', async () => {
  const commands = await loadCommands(folderOf({ 'one.js': command('one'), 'two.js': command('two'), 'notes.md': '' }));
  expect(commands.map(({ name }) => name)).toEqual(['one', 'two']);
});

test('the bot’s own commands are ask, help, reset and system', async () => {
  const commands = await loadCommands(new URL('../commands/', import.meta.url));
  const words = commands.flatMap((each) => [...actionsOf(each).keys()]);
  expect(words).toEqual(['ask', 'help', 'reset', 'system set', 'system show', 'system clear']);
});

test.each([
  ['no default export', 'export const name = "x";', /commands\/bad\.js has no valid command/],
  ['a name that Discord refuses', command('Not Good'), /commands\/bad\.js/],
  ['an option without a description', command('x', "options: [{ type: 'flag', name: 'f' }]"), /description/],
  [
    'a group with an action that does nothing',
    "export default { name: 'x', description: 'x', actions: { a: {} } }",
    /bad\.js/,
  ],
])('a file with %s stops the start and is named', async (_, text, fault) => {
  await expect(loadCommands(folderOf({ 'bad.js': text }))).rejects.toThrow(fault);
});

test('two files with the same command stop the start and are named', async () => {
  const folder = folderOf({ 'a.js': command('one'), 'b.js': command('one') });
  await expect(loadCommands(folder)).rejects.toThrow('commands/b.js: /one is already in commands/a.js.');
});
