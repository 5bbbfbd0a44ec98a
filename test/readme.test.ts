import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** What `--help` says about the options of a command, and where there is a default, without it. */
async function optionsOf(command: string): Promise<string[]> {
  const words = [program, ...command.split(' '), '--help'];
  const { stdout: help } = await promisify(execFile)(process.execPath, words);
  const [, options = ''] = help.split(/^Options:\n|\n\n(?=Commands:)/m);
  // What is too long for a line goes on in the next, indented.
  return [...options.replaceAll(/\n {10,}/g, ' ').matchAll(/^ {2}(-.*?) {2,}(.*?)(?: \(default: .*\))?$/gm)]
    .filter(([, flags]) => flags !== '-h, --help')
    .map(([, flags, text]) => `${flags}: ${text}`);
}

test('the README’s table has every option of the console, with the words of its --help', async () => {
  const rows = [...readme.matchAll(/^\| `(-[^`]*)` \| (.*?) \| (.*) \|$/gm)].map(([, flags, commands = '', text]) => ({
    commands: commands.split(', '),
    option: `${flags}: ${text}`,
  }));
  const commands = ['chat', 'ask', 'history', 'history search'];
  const helps = await Promise.all(commands.map(optionsOf));
  for (const [index, command] of commands.entries()) {
    const told = rows.filter(({ commands }) => commands.includes(`\`${command}\``)).map(({ option }) => option);
    expect(told.toSorted(), command).toEqual(helps[index]?.toSorted());
    expect(told, command).not.toEqual([]);
  }
});
