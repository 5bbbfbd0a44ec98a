import { expect, test } from 'vitest';
import { registerApplication } from '../../src/sandbox/accounts.js';
import { wallClock } from '../../src/sandbox/clock.js';
import { createJournal } from '../../src/sandbox/journal.js';
import { createSnowflakes } from '../../src/sandbox/snowflake.js';
import { emptyWorld } from '../../src/sandbox/world.js';

const line = (text: string) => ({ kind: 'bot', at: 0, line: text }) as const;

function open() {
  const world = emptyWorld();
  const app = registerApplication({ world, newId: createSnowflakes(wallClock) }, { name: 'Parley', ownerId: '1' });
  return { app, token: world.users.get(app.id)?.token ?? '', journal: createJournal(world) };
}

const read = (journal: ReturnType<typeof createJournal>, after = 0): string[] => {
  const texts: string[] = [];
  journal.follow(after, ({ json }) => texts.push(json))();
  return texts;
};

test('it keeps the last 500 entries, and fewer where they are long', () => {
  const { journal } = open();
  for (let number = 1; number <= 600; number += 1) journal.note(line(`line ${number}.`));
  expect(read(journal)).toHaveLength(500);
  expect(read(journal)[0]).toContain('line 101.');
  for (let number = 1; number <= 20; number += 1) journal.note(line('x'.repeat(1_000_000)));
  expect(read(journal).join('').length).toBeLessThanOrEqual(8_000_000);
});

test('a reader gets what it has not had, then what comes, until it leaves', () => {
  const { journal } = open();
  const numbers: number[] = [];
  journal.note(line('one'));
  const stop = journal.follow(0, ({ number }) => numbers.push(number));
  journal.note(line('two'));
  stop();
  journal.note(line('three'));
  expect(numbers).toHaveLength(2);
  expect(read(journal, numbers[1])).toEqual([expect.stringContaining('three')]);
});

test('tokens, those of interactions and what is to be hidden stand in no entry, however they came into it', () => {
  const { journal, token } = open();
  journal.hide('sk-"quoted"');
  const interaction = Buffer.from('interaction:1:abc').toString('base64url');
  journal.note(line(`${token} sk-"quoted" ${interaction}`));
  journal.watchFrame('in', undefined, { op: 2, d: { token, properties: {} } });
  expect(read(journal).map((json) => JSON.parse(json))).toMatchObject([
    { line: '[secret] [secret] [token]' },
    { who: 'Parley', op: 2, d: { token: '[secret]' } },
  ]);
});

test('what people’s clients do is not in it', () => {
  const { journal, app } = open();
  journal.watchFrame('out', '1', JSON.stringify({ op: 0, t: 'READY', d: {}, s: 1 }));
  journal.watchFrame('out', app.id, JSON.stringify({ op: 11, t: null, d: null, s: null }));
  expect(read(journal)).toHaveLength(1);
});
