import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** What `--help` says about the options of a command, and where there is a default, without it. */
function optionsOf(command: string): string[] {
  const help = execFileSync(process.execPath, [program, ...command.split(' '), '--help'], { encoding: 'utf8' });
  const [, options = ''] = help.split(/^Options:\n|\n\n(?=Commands:)/m);
  // What is too long for a line goes on in the next, indented.
  return [...options.replaceAll(/\n {10,}/g, ' ').matchAll(/^ {2}(-.*?) {2,}(.*?)(?: \(default: .*\))?$/gm)]
    .filter(([, flags]) => flags !== '-h, --help')
    .map(([, flags, text]) => `${flags}: ${text}`);
}

test('the README’s table has every option of the console, with the words of its --help', () => {
  const rows = [...readme.matchAll(/^\| `(-[^`]*)` \| (.*?) \| (.*) \|$/gm)].map(([, flags, commands = '', text]) => ({
    commands: commands.split(', '),
    option: `${flags}: ${text}`,
  }));
  for (const command of ['chat', 'ask', 'history', 'history search']) {
    const told = rows.filter(({ commands }) => commands.includes(`\`${command}\``)).map(({ option }) => option);
    expect(told.toSorted(), command).toEqual(optionsOf(command).toSorted());
    expect(told, command).not.toEqual([]);
  }
});
