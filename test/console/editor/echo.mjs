import { openEditor } from '../../../dist/src/console/editor/editor.js';

/**
 * Tells what the editor gives, in JSON. `work` is something that only Ctrl-C ends, `tick` writes now and then, `crash`
 * is one, `quit` leaves.
 */
const { stdin: input, stdout: output, env } = process;
const commands = ['/ask ', '/reset', '/role set ', '/role show'];
const editor = openEditor({
  input,
  output,
  words: { more: '… ', folded: (lines) => `[${lines} lines]`, again: 'Once more to leave.' },
  complete: (before) => commands.filter((command) => command.startsWith(before)),
  history: [],
  plain: env.TERM === 'dumb',
});

const work = () =>
  new Promise((resolve) => {
    editor.whileBusy({
      stop: () => {
        console.log('stopped');
        if (env.STUBBORN === undefined) resolve();
      },
      leave: () => process.exit(130),
    });
    console.log('working');
  });

for (;;) {
  const entry = await editor.read('> ');
  console.log(JSON.stringify(entry));
  if (entry.kind === 'end' || entry.text === 'quit') break;
  if (entry.text === 'work') await work();
  if (entry.text === 'crash') setImmediate(() => JSON.parse('{'));
}
editor.close();
