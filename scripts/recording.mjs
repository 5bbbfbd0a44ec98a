import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { startModel } from '../dist/src/sandbox/model/model.js';
import { openShell } from './recording/shell.mjs';
import { drawSvg } from './recording/svg.mjs';

// Records the README's session in a terminal anew: somebody types into a shell, the built program runs, and the offline
// model answers with what is written here. No time in the picture is measured, so that each run makes the same one.

const title =
  'Parley in a terminal: a conversation with code, an answer that is stopped, another conversation in Chinese, a question about what comes through a pipe, and a search over all that was said.';
const columns = 80;
const rows = 25;

// At each ¦ the model waits until what it said before is on the screen.
const answers = {
  reading: `\`readline\` ¦reads it as a **stream**, ¦so that its size ¦does not matter:

¦\`\`\`js
const lines = createInterface({ input: createReadStream('big.log') });
¦for await (const line of lines) console.log(line);
\`\`\`
¦- \`createInterface\` ¦is in \`node:readline\`
- ¦\`createReadStream\` ¦in \`node:fs\``,
  counting: `Count them ¦in the same loop:

¦\`\`\`js
let count = 0;
¦for await (const _ of lines) count += 1;
\`\`\``,
  whole: 'A file ¦of ten gigabytes ¦would have to fit ¦into memory, ¦and a string ',
  phases:
    '月亮自己**不发光**，¦我们看到的是它¦反射的太阳光。¦它绕地球一圈约29.5天，¦被照亮的一面¦朝向我们的部分¦时多时少，¦于是有了圆缺。',
  eclipse: '那是另一回事：¦地球走到太阳¦和月亮之间，¦影子挡住了月光。¦因为轨道有5°的倾角，¦所以不是每个满月¦都有月食。',
  review: `- \`lines\` now **starts at 1**: ¦every count ¦is one too many.
- ¦Is an empty file ¦meant to have a line?`,
};

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'parley-recording-'));
const project = join(folder, 'project');
const database = join(folder, 'parley.db');
const model = await startModel();
await layOut();
const env = { PATH: `${folder}:${process.env.PATH}`, HOME: folder, LANG: 'en_US.UTF-8', TZ: 'UTC' };
const shell = openShell({ cwd: project, columns, rows, env });
try {
  await play();
  await writeFile(here('../docs/console.svg'), drawSvg(shell.frames, { columns, rows, title }));
} finally {
  shell.close();
  await model.close();
  await rm(folder, { recursive: true });
}

/** `parley` as npm would link it, settings that lead to the offline model, and a repository with a change in it. */
async function layOut() {
  await mkdir(project);
  const program = here('../dist/src/main.js');
  await writeFile(join(folder, 'parley'), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`, { mode: 0o755 });
  await writeFile(join(project, '.env'), `OPENAI_BASE_URL=${model.url}\nDATABASE_PATH=${database}\n`);
  const git = (...words) => execFileSync('git', words, { cwd: project, env: { PATH: process.env.PATH, HOME: folder } });
  git('init', '--quiet');
  await writeFile(join(project, 'count.js'), 'let lines = 0;\n');
  git('add', 'count.js');
  await writeFile(join(project, 'count.js'), 'let lines = 1;\n');
}

async function play() {
  await shell.expect('$ ', 600);
  await enter('parley chat --conversation lines', 'You: ', 900);
  await shell.type('/sys');
  await shell.after(() => shell.press('\t'), 500);
  await shell.after(() => shell.press('\t'), 900);
  await shell.type('se');
  await shell.after(() => shell.press('\t'), 500);
  await enter('Be brief.', 'You: ', 900);
  await chat('How do I read a large file line by line in Node?', answers.reading, 'You: ');
  await chat('And how many lines are there?', answers.counting, 'You: ');
  await chat('Why not read it whole?', answers.whole, 'You: ', '\x03');
  await enter('quit', '$ ', 700);

  await enter('LANG=zh_CN.UTF-8 parley chat --conversation 月亮', '问：', 900);
  await chat('月亮为什么有圆缺？', answers.phases, '问：');
  await chat('那么月食呢？', answers.eclipse, '问：');
  await enter('quit', '$ ', 700);

  const review = tell(answers.review);
  await write('git diff | parley ask "review this"');
  shell.press('\r');
  await review.pieces();
  review.end();
  await shell.expect('$ ', 2500);
  rememberTimes();
  await enter('parley history search 太阳', '$ ', 6000);
}

/** Types a line, and shows it for a moment. */
async function write(line) {
  await shell.type(line);
  shell.hold(250);
}

/** Enters a line, and waits until the cursor stands behind this; what is there then is shown for so long. */
async function enter(line, next, ms) {
  await write(line);
  shell.press('\r');
  await shell.expect(next, ms);
}

/** Asks a question, and presses a key when all of the answer has come, if one is given. */
async function chat(question, answer, next, key) {
  const told = tell(answer);
  await write(question);
  shell.press('\r');
  await shell.spin(4, 100);
  await told.pieces();
  if (key) shell.press(key);
  else told.end();
  await shell.expect(next, 2200);
}

/** Has the model answer the next question with this: piece by piece, and then not end before it is told to. */
function tell(answer) {
  const turns = answer.split('¦').map((piece) => ({ piece, ...latch() }));
  const { open: end, opened: ended } = latch();
  model.script(async function* ({ closed }) {
    for (const { piece, opened } of turns) {
      await opened;
      yield piece;
    }
    await Promise.race([ended, closed]);
  });
  return {
    end,
    async pieces() {
      for (const { open } of turns) await shell.after(open, 120);
    },
  };
}

function latch() {
  let open = () => {};
  const opened = new Promise((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

/** Dates what was said: the search shows it. */
function rememberTimes() {
  const file = new Database(database);
  file.prepare('UPDATE turns SET asked_at = ? + seq * 60000').run(Date.UTC(2026, 10, 23, 20, 15));
  file.close();
}
