import { expect, test, vi } from 'vitest';
import { type Audience, type Chat, type ChatSettings, createChat, type Store } from '../src/chat.js';
import { ModelError, StoreError } from '../src/errors.js';
import type { ChatMessage, Ending } from '../src/model/model.js';
import { openStore } from '../src/store.js';
import { bob, counted, fakeModel, gate, listener, question, sayingModel, silent } from './fakes.js';

type Fake = ReturnType<typeof fakeModel>;

type Told = Partial<
  Pick<ChatSettings, 'contextTokens' | 'maxConcurrent' | 'maxWaitingPerPerson' | 'maxWaitingPerChannel'>
>;

function chatWith({ model }: Fake, told: Told = {}, store = openStore(':memory:')) {
  const settings = {
    ...{ contextTokens: 10_000, maxConcurrent: 4, maxWaitingPerPerson: 100, maxWaitingPerChannel: 100 },
    ...told,
  };
  const chat = createChat({ store, model, count: counted, log: silent, systemPrompt: 'Be brief.', ...settings });
  const ask = async (text: string, extra: Parameters<typeof question>[1] = {}) => {
    const { audience, shown } = listener();
    await chat.answer(question(text, extra), audience);
    return shown;
  };
  return { chat, store, ask };
}

/** The prompt without its system message, as short lines. */
const talk = (prompt: readonly ChatMessage[] | undefined): string[] =>
  (prompt ?? []).slice(1).map(({ role, content }) => `${role}: ${content.split('\n').at(-1)}`);

/** Takes up what is left, and resolves to what its audiences were shown, when all of it has been. */
async function resumed({ chat, store }: { chat: Chat; store: Store }, isTooOld = false) {
  const shown: ReturnType<typeof listener>['shown'][] = [];
  await chat.resume(
    () => {
      const listening = listener();
      shown.push(listening.shown);
      return listening.audience;
    },
    () => isTooOld,
  );
  await vi.waitUntil(async () => (await store.unsettled()).length === 0);
  return shown;
}

test('the second question is asked with the first exchange', async () => {
  const model = sayingModel('Hello.');
  const { ask } = chatWith(model);
  expect((await ask('Hi')).text).toBe('Hello.');
  await ask('And?');
  expect(talk(model.prompts[1])).toEqual(['user: | Hi', 'assistant: Hello.', 'user: | And?']);
});

test('a failing answer leaves no half exchange, and does not spoil the next', async () => {
  let fails = true;
  const model = fakeModel(async function* () {
    yield 'Hel';
    if (fails) throw new ModelError('connection');
    yield 'lo.';
    return undefined;
  });
  const { ask } = chatWith(model);
  expect(await ask('Hi')).toMatchObject({ text: 'Hel', failure: /lost the connection/ });
  fails = false;
  expect((await ask('Again')).text).toBe('Hello.');
  expect(talk(model.prompts[1])).toEqual(['user: | Again']);
});

test('a question that is delivered twice is answered once', async () => {
  const model = sayingModel('Hello.');
  const { chat } = chatWith(model);
  const asked = question('Hi');
  const [first, second] = [listener(), listener()];
  await Promise.all([chat.answer(asked, first.audience), chat.answer(asked, second.audience)]);
  expect([first.shown.text, second.shown.text]).toEqual(['Hello.', '']);
  expect(model.prompts).toHaveLength(1);
});

test('two questions in one channel are answered in order, and the second is told that it waits', async () => {
  const first = gate();
  const model = fakeModel(async function* (prompt) {
    if (prompt.length === 2) await first.opened;
    yield `answer ${prompt.length}`;
    return undefined;
  });
  const { ask } = chatWith(model);
  const one = ask('one');
  const two = ask('two');
  first.open();
  expect(await one).toMatchObject({ text: 'answer 2', waited: false });
  expect(await two).toMatchObject({ text: 'answer 4', waited: true });
});

test('other channels are not held up', async () => {
  const held = gate();
  const model = fakeModel(async function* (prompt) {
    if (prompt.at(-1)?.content.includes('slow')) await held.opened;
    yield 'done';
    return undefined;
  });
  const { ask } = chatWith(model);
  const slow = ask('slow');
  expect((await ask('quick', { channelId: 'c2' })).text).toBe('done');
  held.open();
  expect((await slow).text).toBe('done');
});

test('the model is never asked for more than MAX_CONCURRENT answers at a time, and channels take turns', async () => {
  let running = 0;
  let most = 0;
  const order: string[] = [];
  const model = fakeModel(async function* (prompt) {
    running += 1;
    most = Math.max(most, running);
    order.push(prompt.at(-1)?.content.slice(-2) ?? '');
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    yield 'done';
    return undefined;
  });
  const { ask } = chatWith(model, { maxConcurrent: 2 });
  const channels = ['a', 'b', 'c', 'd'];
  const asked = channels.flatMap((channelId) => [1, 2, 3].map((number) => ask(`${channelId}${number}`, { channelId })));
  await Promise.all(asked);
  expect(most).toBe(2);
  expect(new Set(order.slice(0, 4).map((name) => name[0]))).toEqual(new Set(channels));
});

test('a reset forgets the exchanges and counts them', async () => {
  const model = sayingModel('Hello.');
  const { ask, chat } = chatWith(model);
  await ask('one');
  await ask('two');
  expect(await chat.reset({ channelId: 'c1' }, '1')).toBe(2);
  await ask('three');
  expect(talk(model.prompts[2])).toEqual(['user: | three']);
});

test('a reset stops the running answer and keeps it out of the history', async () => {
  const begun = gate();
  const model = fakeModel(async function* (prompt, signal) {
    if (prompt.at(-1)?.content.includes('next')) {
      yield 'Fresh.';
      return undefined;
    }
    yield 'Half an ';
    begun.open();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    signal.throwIfAborted();
    return undefined;
  });
  const { ask, chat } = chatWith(model);
  const running = ask('long');
  const behind = ask('next');
  await begun.opened;
  await chat.reset({ channelId: 'c1' }, '1');
  expect(await running).toMatchObject({ text: 'Half an ', failure: /Stopped/ });
  expect((await behind).text).toBe('Fresh.');
  expect(talk(model.prompts[1])).toEqual(['user: | next']);
});

test('somebody else’s reset does not stop a private answer', async () => {
  const begun = gate();
  const rest = gate();
  const model = fakeModel(async function* (_, signal) {
    yield 'To ';
    begun.open();
    await rest.opened;
    signal.throwIfAborted();
    yield 'you.';
    return undefined;
  });
  const { ask, chat } = chatWith(model);
  const running = ask('secret', { isPrivate: true, speaker: bob });
  await begun.opened;
  await chat.reset({ channelId: 'c1' }, '1');
  rest.open();
  expect((await running).text).toBe('To you.');
});

test('a private exchange is built on by its asker’s private questions only', async () => {
  const model = sayingModel('Hm.');
  const { ask } = chatWith(model);
  await ask('public');
  await ask('secret', { isPrivate: true, speaker: bob });
  await ask('openly', { speaker: bob });
  await ask('again', { isPrivate: true, speaker: bob });
  await ask('mine', { isPrivate: true });
  const asked = model.prompts.map((prompt) =>
    talk(prompt)
      .filter((line) => line.startsWith('user'))
      .join(' '),
  );
  expect(asked.slice(2)).toEqual([
    'user: | public user: | openly',
    'user: | public user: | secret user: | openly user: | again',
    'user: | public user: | openly user: | mine',
  ]);
});

test('a thread has its parent’s system role until it has its own', async () => {
  const model = sayingModel('Hm.');
  const { chat, ask } = chatWith(model);
  const thread = { channelId: 't1', parentId: 'c1' };
  const roleOf = async () => {
    await ask('Hi', { place: thread });
    return model.prompts.at(-1)?.[0]?.content.split('\n').at(-1);
  };
  expect(await roleOf()).toBe('Be brief.');
  await chat.setSystemRole({ channelId: 'c1' }, 'A pirate.');
  expect(await roleOf()).toBe('A pirate.');
  await chat.setSystemRole(thread, 'A parrot.');
  expect(await roleOf()).toBe('A parrot.');
  await chat.setSystemRole(thread);
  expect(await roleOf()).toBe('A pirate.');
});

test('a prompt that the model finds too long is shortened once and asked again', async () => {
  let refusing = false;
  const model = fakeModel(async function* () {
    if (refusing) {
      refusing = false;
      throw new ModelError('too-long');
    }
    yield 'Hm.';
    return undefined;
  });
  const { ask } = chatWith(model);
  for (const text of ['1', '2', '3', '4']) await ask(text);
  refusing = true;
  expect((await ask('5')).text).toBe('Hm.');
  expect(talk(model.prompts[4])).toHaveLength(9);
  expect(talk(model.prompts[5])).toHaveLength(5);
  await ask('6');
  expect(talk(model.prompts[6])[0]).toBe('user: | 3');
});

test('a prompt that stays too long fails with a sentence', async () => {
  const model = fakeModel(async function* () {
    yield* [];
    throw new ModelError('too-long');
  });
  const { ask } = chatWith(model);
  expect((await ask('1')).failure).toMatch(/more text than the language model can read/);
  expect(model.prompts).toHaveLength(1);
});

test('a full window begins at the same exchange for many turns', async () => {
  const model = sayingModel('one two three four five six seven eight nine ten');
  const { ask } = chatWith(model, { contextTokens: 400 });
  for (let turn = 0; turn < 60; turn += 1) await ask(`question ${turn}`);
  const begins = model.prompts.map((prompt) => talk(prompt)[0]);
  const moves = begins.filter((first, index) => index > 0 && first !== begins[index - 1]).length;
  expect(moves).toBeGreaterThan(2);
  expect(moves).toBeLessThan(15);
});

test.each([
  ['length', /cut off here: it reached the longest answer/, 2],
  ['content_filter', /content filter cut the answer off/, 0],
] as const)('an answer that ended by %s says so', async (finish, note, remembered) => {
  const model = fakeModel(async function* (): AsyncGenerator<string, Partial<Ending>> {
    yield 'Once upon a';
    return { finish };
  });
  const { ask } = chatWith(model);
  const shown = await ask('A story');
  expect(shown.text).toBe('Once upon a');
  expect(shown.notes.join()).toMatch(note);
  await ask('Go on');
  expect(talk(model.prompts[1]).length - 1).toBe(remembered);
});

test('a withheld quote is found if it was a question, else the answer says so', async () => {
  const model = sayingModel('Hm.');
  const { ask } = chatWith(model);
  await ask('What is the tallest tree?', { id: 'm1', speaker: bob });
  const known = await ask('Yes, what?', { quote: { messageId: 'm1' } });
  expect(known.notes).toEqual([]);
  expect(model.prompts[1]?.at(-1)?.content).toContain('from @bob (Bob):\n> What is the tallest tree?');
  const unknown = await ask('And this?', { quote: { messageId: 'm2' } });
  expect(unknown.notes.join()).toMatch(/can’t read the message you replied to/);
});

test('an audience that goes away ends the request, the turn and the wait of others', async () => {
  let closed = false;
  const model = fakeModel(async function* (_, signal) {
    try {
      yield 'Hel';
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    } finally {
      closed = true;
    }
    return undefined;
  });
  const { chat, store } = chatWith(model);
  const asked = question('Hi');
  const leaving = chat.answer(asked, {
    ...listener().audience,
    async reply(answer) {
      await answer.next();
      throw new Error('channel deleted');
    },
  });
  await expect(leaving).rejects.toThrow('channel deleted');
  expect(closed).toBe(true);
  expect(await store.finish(asked.id, 'late', 1, 'stop')).toBe(false);
});

test('an audience that never looks costs no request, and its turn is ended', async () => {
  const model = sayingModel('Hm.');
  const { chat, store } = chatWith(model);
  const asked = question('Hi');
  const reply = () => Promise.reject(new Error('interaction gone'));
  await expect(chat.answer(asked, { ...listener().audience, reply })).rejects.toThrow('interaction gone');
  expect(model.prompts).toHaveLength(0);
  expect(await store.finish(asked.id, 'late', 1, 'stop')).toBe(false);
});

test('a store that fails is told in a sentence, and the channel goes on', async () => {
  const model = sayingModel('Hm.');
  const { chat, store } = chatWith(model);
  const { audience, shown } = listener();
  const begin = store.begin;
  store.begin = () => Promise.reject(new Error('disk full'));
  await chat.answer(question('one'), audience);
  expect(shown.failure).toMatch(/Something broke on my side/);
  store.begin = begin;
  const next = listener();
  await chat.answer(question('two'), next.audience);
  expect(next.shown.text).toBe('Hm.');
});

/** An audience that has heard an answer to its end, but goes on showing it until it is let go. */
function slowListener() {
  const { audience, shown } = listener();
  const heard = gate();
  const held = gate();
  const reply: Audience['reply'] = async (answer, showing) => {
    await audience.reply(answer, showing);
    heard.open();
    await held.opened;
  };
  return { audience: { ...audience, reply }, shown, heard: heard.opened, letGo: held.open };
}

test('the next question is asked while the answer before it is still being shown, and shown after it', async () => {
  const model = fakeModel(async function* (prompt) {
    yield `answer ${prompt.length}`;
    return undefined;
  });
  const { ask, chat } = chatWith(model);
  const first = slowListener();
  const showing = chat.answer(question('one'), first.audience);
  const second = listener();
  const waiting = chat.answer(question('two'), second.audience);
  const third = ask('three');
  await vi.waitUntil(() => model.prompts.length === 3);
  expect(talk(model.prompts[2])).toEqual([
    ...['user: | one', 'assistant: answer 2', 'user: | two', 'assistant: answer 4', 'user: | three'],
  ]);
  expect(second.shown).toMatchObject({ text: '', waited: true });
  first.letGo();
  await Promise.all([showing, waiting]);
  expect(second.shown.text).toBe('answer 4');
  expect((await third).text).toBe('answer 6');
});

test('a question that comes when the answer before it has been written stands behind it, and before the next', async () => {
  const held = gate();
  const model = fakeModel(async function* (prompt) {
    if (prompt.length === 4) await held.opened;
    yield `answer ${prompt.length}`;
    return undefined;
  });
  const { ask, chat } = chatWith(model);
  const first = slowListener();
  const showing = chat.answer(question('one'), first.audience);
  await first.heard;
  const second = ask('two');
  await vi.waitUntil(() => model.prompts.length === 2);
  first.letGo();
  await showing;
  const third = ask('three');
  held.open();
  expect([(await second).text, (await third).text]).toEqual(['answer 4', 'answer 6']);
});

test('an answer that can’t be shown keeps no other from being shown', async () => {
  const { chat, ask } = chatWith(sayingModel('Hm.'));
  const first = slowListener();
  const reply: Audience['reply'] = async (answer, showing) => {
    await first.audience.reply(answer, showing);
    throw new Error('channel deleted');
  };
  const failing = chat.answer(question('one'), { ...first.audience, reply });
  const next = ask('two');
  await first.heard;
  first.letGo();
  await expect(failing).rejects.toThrow('channel deleted');
  expect((await next).text).toBe('Hm.');
});

test('a reset stops the answer that is being written and the one that is being shown', async () => {
  const model = fakeModel(async function* (prompt, signal) {
    yield 'Hm.';
    if (prompt.at(-1)?.content.includes('two'))
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    signal.throwIfAborted();
    return undefined;
  });
  const { chat, ask } = chatWith(model);
  const first = slowListener();
  const stopped: boolean[] = [];
  const reply: Audience['reply'] = async (answer, showing) => {
    await first.audience.reply(answer, showing);
    stopped.push(showing.stopped.aborted);
  };
  const showing = chat.answer(question('one'), { ...first.audience, reply });
  const second = ask('two');
  await vi.waitUntil(() => model.prompts.length === 2);
  expect(await chat.reset({ channelId: 'c1' }, '1')).toBe(1);
  first.letGo();
  await showing;
  expect(stopped).toEqual([true]);
  // What was forgotten before anybody saw it is not shown.
  expect(await second).toMatchObject({ text: '', failure: 'Stopped, because the conversation was reset.' });
  await ask('three');
  expect(talk(model.prompts[2])).toEqual(['user: | three']);
});

test('what was answered and not yet shown when the process ends is shown by the next, in order, and not asked again', async () => {
  const model = sayingModel('Hm.');
  const { chat, store, ask } = chatWith(model);
  const first = slowListener();
  chat.answer(question('one'), first.audience);
  const second = ask('two');
  await vi.waitUntil(async () => (await store.exchanges('c1')).length === 2);
  await chat.close(1, 1);
  expect(await second).toMatchObject({ text: '', failure: '' });
  const shown = await resumed(chatWith(model, {}, store));
  expect(shown.map(({ text }) => text)).toEqual(['Hm.', 'Hm.']);
  expect(model.prompts).toHaveLength(2);
});

test('a question that is withdrawn while it waits to be shown is out of the context if it was not answered yet', async () => {
  const model = fakeModel(async function* (prompt, signal) {
    if (prompt.at(-1)?.content.includes('two'))
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    signal.throwIfAborted();
    yield 'Hm.';
    return undefined;
  });
  const { chat, ask } = chatWith(model);
  const first = slowListener();
  const showing = chat.answer(question('one'), first.audience);
  const withdrawn = question('two');
  const waiting = chat.answer(withdrawn, listener().audience);
  await vi.waitUntil(() => model.prompts.length === 2);
  chat.withdraw(withdrawn.id);
  // It does not wait to say nothing.
  await waiting;
  const third = ask('three');
  await vi.waitUntil(() => model.prompts.length === 3);
  first.letGo();
  await Promise.all([showing, waiting, third]);
  expect(talk(model.prompts[2])).toEqual(['user: | one', 'assistant: Hm.', 'user: | three']);
});

test('closing lets the running answer end, and leaves those that wait to the next process', async () => {
  const begun = gate();
  const rest = gate();
  const model = fakeModel(async function* () {
    yield 'One ';
    begun.open();
    await rest.opened;
    yield 'moment.';
    return undefined;
  });
  const { ask, chat, store } = chatWith(model);
  const running = ask('first');
  const waiting = ask('second');
  await begun.opened;
  const closed = chat.close(60_000);
  rest.open();
  await closed;
  expect((await running).text).toBe('One moment.');
  expect(await waiting).toMatchObject({ text: '', failure: '' });
  expect(await ask('third')).toMatchObject({ text: '', failure: '' });
  const shown = await resumed(chatWith(sayingModel('Back.'), {}, store));
  expect(shown.map(({ text }) => text)).toEqual(['Back.', 'Back.']);
  expect(await store.unsettled()).toEqual([]);
});

test('an answer that outlasts the grace stays open, and the next process gives it', async () => {
  const begun = gate();
  const model = fakeModel(async function* (_, signal) {
    yield 'Half.';
    begun.open();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    signal.throwIfAborted();
    return undefined;
  });
  const { ask, chat, store } = chatWith(model);
  const running = ask('first');
  await begun.opened;
  await chat.close(1);
  expect(await running).toMatchObject({ text: 'Half.', failure: /being restarted/ });
  const whole = sayingModel('Whole.');
  const shown = await resumed(chatWith(whole, {}, store));
  expect(shown.map(({ text }) => text)).toEqual(['Whole.']);
  expect(talk(whole.prompts[0])).toEqual(['user: | first']);
});

test('a question too many of a person, or in a channel, is refused, told so once, and taken when there is room again', async () => {
  const held = gate();
  const model = fakeModel(async function* () {
    await held.opened;
    yield 'Done.';
    return undefined;
  });
  const { ask, chat } = chatWith(model, { maxWaitingPerPerson: 2, maxWaitingPerChannel: 3 });
  const running = [ask('one'), ask('two', { channelId: 'c2' })];
  const again = question('three');
  const first = listener();
  await chat.answer(again, first.audience);
  expect(first.shown.failure).toBe(
    '2 questions of yours wait already, so I left this one out. Please ask it again later.',
  );
  const second = listener();
  await chat.answer(again, second.audience);
  expect(second.shown).toMatchObject({ text: '', failure: '' });
  running.push(ask('four', { speaker: bob }), ask('five', { speaker: { ...bob, id: '3' } }));
  expect((await ask('six', { speaker: { ...bob, id: '4' } })).failure).toMatch(/^3 questions wait here already/);
  held.open();
  await Promise.all(running);
  expect((await ask('seven')).text).toBe('Done.');
  expect(model.prompts).toHaveLength(5);
});

test('a question that is delivered many times at once counts once', async () => {
  const held = gate();
  const model = fakeModel(async function* () {
    await held.opened;
    yield 'Done.';
    return undefined;
  });
  const { chat } = chatWith(model, { maxWaitingPerPerson: 2 });
  const asked = question('one');
  const listening = Array.from({ length: 5 }, () => listener());
  const all = listening.map(({ audience }) => chat.answer(asked, audience));
  held.open();
  await Promise.all(all);
  expect(listening.map(({ shown }) => shown.text + shown.failure)).toEqual(['Done.', '', '', '', '']);
});

test('a refusal that nobody was told of is told by the next process, and is no part of the context', async () => {
  const model = sayingModel('Done.');
  const { store } = chatWith(model);
  await store.begin(question('one'), 'here', 'Refused');
  const again = chatWith(model, {}, store);
  const [shown] = await resumed(again);
  expect(shown?.failure).toBe('So much was waiting that I left this question out.');
  await again.ask('two');
  expect(talk(model.prompts[0])).toEqual(['user: | two']);
});

test('a question that is too old to be answered unasked is ended, and can be asked again', async () => {
  const model = sayingModel('Done.');
  const { store } = chatWith(model);
  const asked = question('one');
  await store.begin(asked, 'here');
  const again = chatWith(model, {}, store);
  const [shown] = await resumed(again, true);
  expect(shown?.failure).toMatch(/^I was away before this was answered/);
  expect(model.prompts).toEqual([]);
  expect(await again.chat.questionOf(asked.id)).toEqual(asked);
});

test('a question that quotes a private one, or one of another channel, is not told its text', async () => {
  const model = sayingModel('Done.');
  const { ask, chat } = chatWith(model);
  const secret = question('secret', { speaker: bob, isPrivate: true });
  const elsewhere = question('elsewhere', { channelId: 'c2' });
  for (const asked of [secret, elsewhere]) await chat.answer(asked, listener().audience);
  for (const { id } of [secret, elsewhere]) await ask('And this?', { quote: { messageId: id } });
  for (const prompt of model.prompts.slice(2)) expect(prompt.at(-1)?.content).toBe('@ada (Ada):\n| And this?');
});

test('where one lost text is gone, a note says so after a restart too, and the model is not asked again', async () => {
  const model = sayingModel('Never.');
  const { store } = chatWith(model);
  const asked = question('one');
  await store.begin(asked, 'here');
  await store.finish(asked.id, 'One.', 1, 'stop');
  await store.reset('c1', '1', undefined);
  const [shown] = await resumed(chatWith(model, {}, store));
  expect(shown).toMatchObject({ text: '', failure: 'Stopped, because the conversation was reset.' });
  expect(model.prompts).toEqual([]);
});

test('questions are remembered in the order in which they came, also where one has to be looked up', async () => {
  const model = sayingModel('Done.');
  const { ask } = chatWith(model);
  await Promise.all([ask('one', { quote: { messageId: 'unknown' } }), ask('two')]);
  await ask('three');
  expect(talk(model.prompts[2]).filter((line) => line.startsWith('user'))).toEqual([
    'user: | one',
    'user: | two',
    'user: | three',
  ]);
});

test('a question of which nothing can be read does not reach the model, after a restart neither', async () => {
  const model = sayingModel('Never.');
  const { ask, store } = chatWith(model);
  const bare = question('', { quote: { messageId: 'unknown' } });
  expect((await ask('', { quote: { messageId: 'unknown' } })).failure).toMatch(/Write what you want to know/);
  await store.begin(bare, 'here');
  const [shown] = await resumed(chatWith(model, {}, store));
  expect(shown?.failure).toMatch(/Write what you want to know/);
  expect(model.prompts).toEqual([]);
});

test('what a reset forgot is not sent again where the model finds a prompt too long', async () => {
  const asked = gate();
  const isReset = gate();
  let isLong = false;
  const model = fakeModel(async function* () {
    if (isLong) {
      isLong = false;
      asked.open();
      await isReset.opened;
      throw new ModelError('too-long');
    }
    yield 'Done.';
    return undefined;
  });
  const { ask, chat } = chatWith(model);
  for (const text of ['one', 'two', 'three']) await ask(text);
  isLong = true;
  // Somebody else's private question is not stopped by the reset, and goes on.
  const running = ask('four', { speaker: bob, isPrivate: true });
  await asked.opened;
  await chat.reset({ channelId: 'c1' }, '1');
  isReset.open();
  expect((await running).text).toBe('Done.');
  expect(talk(model.prompts.at(-1))).toEqual(['user: | four']);
});

test('the model is asked for nothing that the disk does not have, and never where it can’t have it', async () => {
  const held = gate();
  const model = sayingModel('Done.');
  const real = openStore(':memory:');
  let lasting: Promise<void> = held.opened;
  const store: Store = {
    ...real,
    begin: async (...told) => (await real.begin(...told)) && { lasting },
  };
  const { chat, ask } = chatWith(model, {}, store);
  const asked = question('one');
  const listening = listener();
  const first = chat.answer(asked, listening.audience);
  await vi.waitUntil(() => real.has(asked.id));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(model.prompts).toEqual([]);
  held.open();
  await first;
  expect(listening.shown.text).toBe('Done.');
  lasting = Promise.reject(new StoreError('full'));
  lasting.catch(() => {});
  expect(await ask('two')).toMatchObject({ text: '', failure: new StoreError('full').message });
  expect(model.prompts).toHaveLength(1);
});

test('the next question of a channel is asked before the end of the one before is settled; that one is held on to until it is', async () => {
  const held = gate();
  const model = sayingModel('Done.');
  const real = openStore(':memory:');
  const store: Store = {
    ...real,
    async settle(id) {
      await held.opened;
      await real.settle(id);
    },
  };
  const { ask } = chatWith(model, {}, store);
  let isOver = false;
  const first = ask('one').then(() => {
    isOver = true;
  });
  const second = ask('two');
  await vi.waitUntil(() => model.prompts.length === 2);
  expect(talk(model.prompts[1])).toEqual(['user: | one', 'assistant: Done.', 'user: | two']);
  expect(isOver).toBe(false);
  held.open();
  await Promise.all([first, second]);
  expect(await real.unsettled()).toEqual([]);
});

test('a question that a reset has just forgotten lends its text to no other', async () => {
  const held = gate();
  const model = fakeModel(async function* () {
    yield 'Hel';
    await held.opened;
    return undefined;
  });
  const real = openStore(':memory:');
  const resetting = gate();
  const store: Store = {
    ...real,
    async reset(...told) {
      const forgotten = await real.reset(...told);
      await resetting.opened;
      return forgotten;
    },
  };
  const { chat, ask } = chatWith(model, {}, store);
  const asked = question('my secret');
  const first = chat.answer(asked, listener().audience);
  await vi.waitUntil(() => model.prompts.length === 1);
  const reset = chat.reset(asked.place, asked.speaker.id);
  await vi.waitUntil(async () => (await real.question(asked.id)) === undefined);
  const second = ask('And this?', { quote: { messageId: asked.id } });
  resetting.open();
  held.open();
  await Promise.all([reset, first, second]);
  expect(model.prompts.at(-1)?.at(-1)?.content).not.toContain('secret');
});
