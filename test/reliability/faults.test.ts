import { beforeAll, describe, expect, test } from 'vitest';
import { byAge } from '../../src/sandbox/snowflake.js';
import { answerAbout, topicOf } from './answers.js';
import type { Evidence, Prompt, SeenMessage, Turn } from './evidence.js';
import { type Fault, faultsShown } from './faults.js';
import { faultsInPrompts, faultsOnDisk } from './memory-faults.js';
import { startProgram } from './program.js';
import { createRandom } from './random.js';
import { introduce, judge, untilQuiet } from './round.js';
import { openTown, type Place } from './town.js';

const [first, code, third] = [topicOf(1, 'short'), topicOf(2, 'code'), topicOf(3, 'short')];
const [command, hidden, elsewhere] = [topicOf(4, 'short'), topicOf(5, 'code'), topicOf(6, 'short')];

/** What a town left in which nothing went wrong. */
let sound: Evidence;

beforeAll(async () => {
  const town = await openTown(createRandom(1), { channels: 2, threads: 0, directs: 0 });
  try {
    await introduce(town);
    const [here, there] = town.places as [Place, Place]; // as many as were wanted
    const [ada] = here.people;
    await town.ask(here, ada, 'mention', 'short');
    await town.ask(here, ada, 'mention', 'code');
    await town.ask(here, ada, 'mention', 'short');
    await town.ask(here, ada, 'ask', 'short');
    await town.ask(here, ada, 'private', 'code');
    await town.ask(there, ada, 'mention', 'short');
    await untilQuiet(town);
    const { evidence, faults, story } = await judge(town);
    if (faults.length > 0) expect.fail(story());
    sound = evidence;
  } finally {
    await town.close();
  }
});

/** What is different where something went wrong. */
type Tampering = (evidence: Evidence) => Partial<Evidence>;

/** The kinds of the faults that are found where it did. */
function kindsAfter(tampering: Tampering): Set<Fault['kind']> {
  const evidence = { ...sound, ...tampering(sound) };
  const faults = [...faultsShown(evidence), ...faultsOnDisk(evidence), ...faultsInPrompts(evidence)];
  return new Set(faults.map(({ kind }) => kind));
}

function found<Thing>(thing: Thing | undefined): Thing {
  if (thing === undefined) throw new Error('It is not there');
  return thing;
}

const asked = ({ questions }: Evidence, topic: string) => found(questions.find((one) => one.topic === topic));

const partsOf = (evidence: Evidence, topic: string): SeenMessage[] =>
  asked(evidence, topic).parts.map((part) => found(evidence.messages.find(({ content }) => content === part)));

/** Other messages in the place of an answer's. */
const parts =
  (topic: string, change: (parts: readonly SeenMessage[]) => readonly SeenMessage[]): Tampering =>
  (evidence) => {
    const real = partsOf(evidence, topic);
    const others = evidence.messages.filter((message) => !real.includes(message));
    return { messages: [...others, ...change(real)].sort((one, other) => byAge(one.id, other.id)) };
  };

/** The same change in each message of an answer. */
const each = (topic: string, change: (part: SeenMessage) => Partial<SeenMessage>): Tampering =>
  parts(topic, (real) => real.map((part) => ({ ...part, ...change(part) })));

/** Another row in the place of a turn's. */
const turn =
  (topic: string, change: Partial<Turn>): Tampering =>
  (evidence) => ({
    turns: evidence.turns?.map((row) => (row.id === asked(evidence, topic).id ? { ...row, ...change } : row)),
  });

const isAbout =
  (topic: string) =>
  ({ messages }: Prompt): boolean =>
    messages.at(-1)?.content.includes(topic) ?? false;

/** Other messages in a prompt, which holds the role, two for each exchange and the question. */
const prompt =
  (topic: string, at: number, count: number, ...messages: Prompt['messages']): Tampering =>
  ({ prompts }) => ({
    prompts: prompts.map((real) =>
      isAbout(topic)(real) ? { ...real, messages: real.messages.toSpliced(at, count, ...messages) } : real,
    ),
  });

const exchange = (topic: string, answer = answerAbout(topic)): Prompt['messages'] => [
  { role: 'user', content: `| Tell me about ${topic}, please.` },
  { role: 'assistant', content: answer },
];

test('where nothing went wrong, nothing is found', () => {
  expect(kindsAfter(() => ({}))).toEqual(new Set());
  expect(partsOf(sound, code).length).toBeGreaterThan(1);
  expect(partsOf(sound, hidden).length).toBeGreaterThan(1);
});

describe('of what people see', () => {
  test.each<[string, Fault['kind'], Tampering]>([
    ['an answer that is missing', 'unanswered', parts(first, () => [])],
    ['a command without a reply', 'unanswered', parts(command, () => [])],
    ['an answer without its end', 'unfinished', parts(code, (real) => real.slice(0, -1))],
    ['a placeholder', 'unfinished', each(command, () => ({ isThinking: true, content: '', edits: [] }))],
    ['a part that stayed behind', 'spoilt', each(code, ({ content }) => ({ content: content.slice(0, -5) }))],
    ['a note below an answer', 'spoilt', each(third, ({ content }) => ({ content: `${content}\n-# I am back.` }))],
    [
      'an answer that says it was stopped',
      'spoilt',
      each(third, () => ({ content: 'Stopped, because the conversation was reset.' })),
    ],
    [
      'a text in another part',
      'spoilt',
      parts(code, (real) => real.map((part, index) => ({ ...part, content: found(real.at(-1 - index)).content }))),
    ],
    ['an answer that is there twice', 'doubled', parts(third, (real) => [...real, ...real])],
    ['a part that is there twice', 'doubled', parts(code, (real) => [...real, found(real.at(-1))])],
    ['a reply to a command that is there twice', 'doubled', parts(command, (real) => [...real, ...real])],
    ['a private part that is there twice', 'doubled', parts(hidden, (real) => [...real, found(real.at(-1))])],
    ['a message that answers nothing', 'stray', each(first, () => ({ repliesTo: undefined }))],
    [
      'a mark that is left',
      'mark',
      (all) => ({ messages: all.messages.map((message) => ({ ...message, marks: ['⏳'] })) }),
    ],
    [
      'an answer before an earlier one is whole',
      'order',
      (all) => each(third, ({ content }) => ({ edits: [{ at: asked(all, first).at, content }] }))(all),
    ],
  ])('%s is found', (_, kind, tampering) => {
    expect(kindsAfter(tampering)).toContain(kind);
  });

  test('only what was missed, and found later, may be answered after a command that could not wait for it', () => {
    const delayed = (topic: string, ms: number): Tampering =>
      each(topic, ({ edits }) => ({ edits: edits.map((edit) => ({ ...edit, at: edit.at + ms })) }));
    const late = (all: Evidence) => delayed(hidden, 10_000)({ ...all, ...delayed(third, 5_000)(all) });
    const { id } = asked(sound, third);
    const { at } = asked(sound, command);
    const known = (all: Evidence): Partial<Evidence> => ({
      ...late(all),
      questions: all.questions.map((one) => (one.topic === command ? { ...one, at: one.at - 1_000 } : one)),
      lives: all.lives.map((life) => ({ ...life, readyAt: at })),
    });
    const missed = (all: Evidence): Partial<Evidence> => ({ ...known(all), found: { [id]: at + 4_000 } });
    const live = (all: Evidence): Partial<Evidence> => ({ ...missed(all), lives: all.lives });
    const patient = (all: Evidence): Partial<Evidence> => ({ ...missed(all), questions: all.questions });
    for (const wrong of [late, known, live, patient]) expect(kindsAfter(wrong)).toContain('order');
    expect(kindsAfter(missed)).not.toContain('order');
  });

  test('what a /reset stopped may end anywhere, behind the end of a piece of code too', () => {
    const stopped = (text: string): Tampering => {
      const answer = 'One `two` three `four` five six.';
      return (all) => {
        const { id, channelId, askerId, at } = asked(all, first);
        return {
          ...each(first, () => ({ content: `${text}\n-# Stopped, because the conversation was reset.` }))(all),
          questions: all.questions.map((one) => (one.id === id ? { ...one, answer, parts: [answer] } : one)),
          resets: [{ id: '1', channelId, askerId, at: at + 1, isUnheard: true }],
        };
      };
    };
    for (const text of ['One', 'One `two`', 'One `two` three `four`', 'One `two` three `four` five']) {
      expect(kindsAfter(stopped(text))).not.toContain('spoilt');
    }
    expect(kindsAfter(stopped('One `two` tree'))).toContain('spoilt');
    // Where the note does not fit below the last part, it stands alone.
    const alone: Tampering = (all) => {
      const { channelId, askerId, at } = asked(all, code);
      const note = { content: '-# Stopped, because the conversation was reset.' };
      return {
        ...parts(code, (real) => [...real.slice(0, -1), { ...found(real.at(-1)), ...note }])(all),
        resets: [{ id: '1', channelId, askerId, at: at + 1, isUnheard: true }],
      };
    };
    expect(kindsAfter(alone)).not.toContain('spoilt');
  });

  test.each([
    ['half', () => 'half'],
    ['whole', (whole: string) => whole],
  ])('a private part may stand there twice, once %s, if the program died right after making it', (_, made) => {
    const withHalf = parts(hidden, (real) => {
      const last = found(real.at(-1));
      const later = last.edits.map((edit) => ({ ...edit, at: edit.at + 5_000 }));
      return [...real.slice(0, -1), { ...last, content: made(last.content) }, { ...last, edits: later }];
    });
    expect(kindsAfter(withHalf)).toContain('doubled');
    const endedAt = found(partsOf(sound, hidden).at(-1)?.edits[0]).at + 100;
    const deaths = sound.lives.map((life) => ({ ...life, isKilled: true, endedAt }));
    expect(kindsAfter((all) => ({ ...withHalf(all), lives: deaths }))).toEqual(new Set());
  });
});

describe('of what is on disk', () => {
  test.each<[string, Tampering]>([
    ['a turn that is open', turn(first, { state: 'open' })],
    ['a turn that is not settled', turn(first, { address: '{}' })],
    ['a turn that failed', turn(first, { state: 'failed', failure: 'trouble' })],
    ['another answer', turn(code, { answer: 'Another.' })],
    ['a turn that is missing', ({ turns }) => ({ turns: turns?.slice(1) })],
    ['a turn that nobody asked for', turn(first, { id: '1' })],
    ['a turn that stands before an earlier one', turn(third, { seq: 0 })],
  ])('%s is found', (_, tampering) => {
    expect(kindsAfter(tampering)).toContain('turn');
  });
});

describe('of what the model was sent', () => {
  test.each<[string, Tampering]>([
    ['half an exchange', prompt(third, 2, 1)],
    ['half an answer', prompt(third, 1, 2, ...exchange(first, answerAbout(first).slice(0, 20)))],
    ['an exchange that is missing', prompt(third, 3, 2)],
    ['a history that is missing', prompt(third, 1, 4)],
    ['an exchange that is there twice', prompt(third, 3, 0, ...exchange(first))],
    ['exchanges in another order', prompt(third, 1, 4, ...exchange(code), ...exchange(first))],
    ['an exchange of another channel', prompt(third, 1, 0, ...exchange(elsewhere))],
    ['a private exchange of before', prompt(third, 5, 0, ...exchange(hidden))],
    ['another question', prompt(third, 5, 1, { role: 'user', content: `| Forget ${third}.` })],
    ['a question that was asked twice', ({ prompts }) => ({ prompts: [...prompts, ...prompts] })],
  ])('%s is found', (_, tampering) => {
    expect(kindsAfter(tampering)).toContain('prompt');
  });
});

describe('of how the program behaves', () => {
  const unset = { NODE_ENV: 'production' };

  test('an end that nobody asked for is found, and what is no line of the log', async () => {
    const life = startProgram(1, unset);
    await life.exit;
    expect(life.complaints()).toContain('it ended by itself: exit code 1');
    expect(life.complaints()).toContainEqual(expect.stringMatching(/^it wrote: DISCORD_TOKEN is not set/));
  });

  test('a warning is found', async () => {
    // Node tells a warning a tick after its cause.
    const code = 'process.emitWarning("This is old."); await new Promise(setImmediate);';
    const warning = `data:text/javascript,${encodeURIComponent(code)}`;
    const life = startProgram(1, unset, ['--import', warning]);
    await life.exit;
    expect(life.complaints()).toContainEqual(expect.stringMatching(/^it wrote: .*Warning: This is old\./));
  });
});
