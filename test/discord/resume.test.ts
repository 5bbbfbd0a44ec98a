import { expect, test, vi } from 'vitest';
import type { Store } from '../../src/chat.js';
import { type InteractionAddress, type MessageAddress, writeAddress } from '../../src/discord/address.js';
import { adjustableClock } from '../../src/sandbox/clock.js';
import { openStore } from '../../src/store.js';
import { api } from '../sandbox/raw.js';
import { type HomeOptions, openSandbox, type Sandbox, startBot } from './home.js';

interface Place {
  readonly id: string;
}

const seen = ({ discord, ada, app }: Sandbox, channel: Place) =>
  discord.sees(ada, channel).filter(({ author }) => author.id === app.id);

const texts = (sandbox: Sandbox, channel: Place): string[] => seen(sandbox, channel).map(({ content }) => content);

/** Waits until no turn is left for another process. */
const settled = (store: Store) => vi.waitUntil(async () => (await store.unsettled()).length === 0, { timeout: 10_000 });

/** A sandbox in which Ada has asked something while no bot was there, and what a bot that died had made of it. */
async function openRuins(options: HomeOptions = {}) {
  const sandbox = await openSandbox(options);
  const { app, ada, general, databasePath } = sandbox;
  const asBot = api(sandbox.discord, `Bot ${app.token}`);

  /** Ada’s question, taken by the process that died, or refused. */
  async function taken(text: string, channel: Place = general, refused?: string) {
    const { id } = await ada.says(channel, `${app.mention} ${text}`);
    const question = {
      ...{ id, place: { channelId: channel.id }, text, attachments: [], isPrivate: false },
      speaker: { id: ada.id, handle: 'ada', name: 'Ada' },
    };
    const address: MessageAddress = { kind: 'message', channelId: channel.id, questionId: id, sent: [] };
    const store = openStore(databasePath);
    await store.begin(question, writeAddress(address), refused);
    return { id, question, address, store };
  }

  /** Ada’s use of /ask, taken by the process that died before it was acknowledged. */
  async function invoked(text: string, isPrivate = false) {
    sandbox.discord.faults.gateway.acceptsConnections = false;
    const use = await ada.invokes(app, general, 'ask', { prompt: text, private: isPrivate });
    sandbox.discord.faults.gateway.acceptsConnections = true;
    const token = [...sandbox.discord.world.interactions.values()].find(({ id }) => id === use.id)?.token ?? '';
    const address: InteractionAddress = {
      ...{ kind: 'interaction', interactionId: use.id, applicationId: app.id, token, channelId: general.id, sent: [] },
      ...{ askerId: ada.id, isPrivate, isMember: true },
    };
    const question = {
      ...{ id: use.id, place: { channelId: general.id }, text, attachments: [], isPrivate },
      speaker: { id: ada.id, handle: 'ada', name: 'Ada' },
    };
    const store = openStore(databasePath);
    await store.begin(question, writeAddress(address));
    return { id: use.id, store };
  }

  /** A message that it had posted: the first part of the answer to a question, or a further one. */
  async function posted(channel: Place, content: string, questionId?: string): Promise<string> {
    const reference = questionId && { message_reference: { message_id: questionId } };
    return (await asBot('POST', `/channels/${channel.id}/messages`, { content, ...reference })).body.id;
  }

  /** The first part of an answer, that it had posted without a reply, and never noted. */
  async function unnoted(channel: Place, content: string, turnId: string): Promise<void> {
    const body = { content, nonce: `${turnId}.0`, enforce_nonce: true };
    await asBot('POST', `/channels/${channel.id}/messages`, body);
  }

  return { ...sandbox, asBot, taken, invoked, posted, unnoted };
}

test('questions that were waiting when the process died are answered in their order, before newer ones', async () => {
  const ruins = await openRuins();
  const { discord, model, app, ada, general } = ruins;
  model.script('One.', 'Two.', 'Three.');
  const one = await ruins.taken('one');
  const two = await ruins.taken('two');
  await startBot(ruins);
  const three = await ada.says(general, `${app.mention} three`);
  await discord.until(() => seen(ruins, general).length === 3);
  expect(
    seen(ruins, general).map(({ content, message_reference }) => [content, message_reference?.message_id]),
  ).toEqual([
    ['One.', one.id],
    ['Two.', two.id],
    ['Three.', three.id],
  ]);
  await settled(one.store);
});

test('what stands half-written is completed in place, and pings nobody twice', async () => {
  const ruins = await openRuins();
  const { discord, model, ada, general } = ruins;
  const { id, address, store } = await ruins.taken('a story');
  const part = await ruins.posted(general, 'Once upon a', id);
  await store.readdress(id, writeAddress({ ...address, sent: [{ id: part, channelId: general.id, isOwn: true }] }));
  model.script('Once upon a time.');
  await startBot(ruins);
  await discord.until(() => texts(ruins, general)[0] === 'Once upon a time.');
  expect(seen(ruins, general).map((message) => message.id)).toEqual([part]);
  expect(discord.notified(ada)).toHaveLength(1);
});

test('parts that were posted though nobody noted it are found, and what is too many of them is taken away', async () => {
  const ruins = await openRuins();
  const { discord, model, app, bob, general } = ruins;
  const { id } = await ruins.taken('a story');
  const first = await ruins.posted(general, 'Once upon a', id);
  await bob.says(general, 'What a story!');
  await ruins.posted(general, 'and further');
  await ruins.posted(general, 'and further still');
  model.script(`Once upon ${'a time '.repeat(300)}.`);
  await startBot(ruins);
  await discord.until(() => texts(ruins, general).join(' ').endsWith('.') && seen(ruins, general).length === 2);
  expect(seen(ruins, general)[0]?.id).toBe(first);
  expect(texts(ruins, general).join(' ')).toBe(`Once upon ${'a time '.repeat(300)}.`.trim());
  const posts = app.calls().filter(({ method, route }) => method === 'POST' && route.endsWith('/messages'));
  expect(posts).toHaveLength(3);
});

test('an answer that was whole on disk is shown without asking the model again', async () => {
  const ruins = await openRuins();
  const { discord, model, general } = ruins;
  const { id, store } = await ruins.taken('a story');
  await store.finish(id, 'The end.', 5, 'length');
  await ruins.posted(general, 'The', id);
  await startBot(ruins);
  const note = 'The answer was cut off here: it reached the longest answer I am set to give.';
  await discord.until(() => texts(ruins, general)[0] === `The end.\n-# ${note}`);
  expect(texts(ruins, general)).toHaveLength(1);
  expect(model.requests).toHaveLength(0);
});

test('a failure that nobody was told of is told', async () => {
  const ruins = await openRuins();
  const { discord, general } = ruins;
  const { id, store } = await ruins.taken('a story');
  await store.end(id, 'failed', 'busy', 'It was');
  await startBot(ruins);
  const sentence = 'The language model is too busy right now. Please try again in a moment.';
  await discord.until(() => texts(ruins, general)[0] === `It was\n-# ${sentence} Reference: ${id}`);
});

test('a question that is too old is closed with a note, and a button asks it again, once', async () => {
  const clock = adjustableClock();
  const ruins = await openRuins({ discord: { clock } });
  const { discord, model, ada, bob, general } = ruins;
  const { id } = await ruins.taken('a story');
  await ruins.posted(general, 'Once upon a', id);
  clock.advance(11 * 60_000);
  await startBot(ruins);
  const closed = await discord.until(() => seen(ruins, general).find(({ content }) => content.includes(id)));
  expect(closed.content).toBe(
    `Once upon a\n-# I was away before this was answered, and for too long to go on unasked. Reference: ${id}`,
  );
  expect(model.requests).toHaveLength(0);
  const button = `again:${id}`;
  const others = await bob.presses(closed, button);
  await discord.until(() => others.message?.content === 'Only the person who asked this can ask it again.');
  model.script('Once upon a time.');
  const pressed = await ada.presses(closed, button);
  await discord.until(() => pressed.message?.content === '> a story\n\nOnce upon a time.');
  await discord.until(() => seen(ruins, general)[0]?.components?.length === 0);
  const again = await ada.presses(closed, button).catch((error: unknown) => error);
  expect(String(again)).toMatch(/component/i);
  expect(model.requests).toHaveLength(1);
});

test('a private answer whose process died is completed where its asker alone sees it', async () => {
  const ruins = await openRuins();
  const { discord, model, app, ada, bob, general } = ruins;
  const first = await startBot(ruins);
  model.script(async function* ({ closed }) {
    yield 'For your ';
    await closed;
  }, 'For your eyes.');
  const use = await ada.invokes(app, general, 'ask', { prompt: 'A secret?', private: true });
  await discord.until(() => use.message?.content.endsWith('For your'));
  await first.stop();
  await discord.until(() => use.message?.content.includes('I am being restarted'));
  await startBot(ruins);
  await discord.until(() => use.message?.content === '> A secret?\n\nFor your eyes.');
  expect(use.followUps).toEqual([]);
  expect(discord.sees(bob, general)).toEqual([]);
});

test('an interaction that was never acknowledged is answered in its channel, and a private one in a direct message', async () => {
  const ruins = await openRuins();
  const { discord, model, app, ada, general } = ruins;
  await (await startBot(ruins)).stop();
  for (const isPrivate of [false, true]) await ruins.invoked('Hm?', isPrivate);
  model.script('In public.', 'In private.');
  await startBot(ruins);
  await discord.until(() => texts(ruins, general).includes('> Hm?\n\nIn public.'));
  const direct = await ada.directs(app);
  await discord.until(() => texts(ruins, direct).includes('> Hm?\n\nIn private.'));
  expect(texts(ruins, general)).toHaveLength(1);
});

test('an answer by /ask is completed where the bot may not see the channel', async () => {
  const ruins = await openRuins();
  const { discord, model, app, ada, general } = ruins;
  general.overwrite(app, [], ['ViewChannel']);
  const first = await startBot(ruins);
  model.script(async function* ({ closed }) {
    yield 'Half of ';
    await closed;
  }, 'Half of it, and all.');
  const use = await ada.invokes(app, general, 'ask', { prompt: 'Hm?' });
  await discord.until(() => use.message?.content.endsWith('Half of'));
  await first.stop();
  const { store } = await startBot(ruins);
  await discord.until(() => use.message?.content === '> Hm?\n\nHalf of it, and all.');
  expect(use.followUps).toEqual([]);
  await settled(store);
});

test('a question that was deleted while nobody was there is not answered', async () => {
  const ruins = await openRuins();
  const { discord, model, app, ada, general } = ruins;
  const { id, store } = await ruins.taken('one');
  await ada.deletes({ id, channel_id: general.id });
  model.script('Two.');
  await ada.says(general, `${app.mention} two`);
  await startBot(ruins);
  await discord.until(() => texts(ruins, general).includes('Two.'));
  expect(texts(ruins, general)).toEqual(['Two.']);
  await settled(store);
});

test('a question that was deleted while nobody was there, and was the last, is not answered', async () => {
  const ruins = await openRuins();
  const { id, store } = await ruins.taken('one');
  await ruins.ada.deletes({ id, channel_id: ruins.general.id });
  await startBot(ruins);
  await settled(store);
  expect(texts(ruins, ruins.general)).toEqual([]);
});

test('questions that were refused when the process died are marked as such, and no other answer is touched', async () => {
  const ruins = await openRuins();
  const { discord, model, ada, general } = ruins;
  const story = await ruins.taken('a story');
  await ruins.posted(general, 'Once upon', story.id);
  const refused = [await ruins.taken('two', general, 'Refused'), await ruins.taken('three', general, 'Refused')];
  await ruins.posted(general, 'a time');
  await story.store.finish(story.id, 'Once upon a time', 4, 'stop');
  await story.store.settle(story.id);
  await startBot(ruins);
  await settled(story.store);
  expect(texts(ruins, general)).toEqual(['Once upon', 'a time']);
  const marksOf = (questionId: string) =>
    discord
      .sees(ada, general)
      .find(({ id }) => id === questionId)
      ?.reactions?.map(({ emoji }) => emoji.name);
  expect(refused.map(({ id }) => marksOf(id))).toEqual([['✋'], ['✋']]);
  expect(model.requests).toEqual([]);
});

test('the mark of a question that waited goes when it is answered', async () => {
  const ruins = await openRuins();
  const { discord, model, general } = ruins;
  const { id } = await ruins.taken('one');
  const mark = `/channels/${general.id}/messages/${id}/reactions/${encodeURIComponent('⏳')}/@me`;
  await ruins.asBot('PUT', mark);
  model.script('One.');
  await startBot(ruins);
  await discord.until(() => texts(ruins, general).includes('One.'));
  await discord.until(() => (discord.sees(ruins.ada, general)[0]?.reactions ?? []).length === 0);
});

test('where the bot may not read the history, it goes on with what it knows', async () => {
  const ruins = await openRuins();
  const { discord, model, app, general } = ruins;
  const { id, address, store } = await ruins.taken('a story');
  const part = await ruins.posted(general, 'Once upon a', id);
  await store.readdress(id, writeAddress({ ...address, sent: [{ id: part, channelId: general.id, isOwn: true }] }));
  general.overwrite(app, [], ['ReadMessageHistory']);
  model.script('Once upon a time.');
  await startBot(ruins);
  await discord.until(() => texts(ruins, general)[0] === 'Once upon a time.');
  expect(texts(ruins, general)).toHaveLength(1);
});

test('what was posted and never noted is completed, though it can’t be looked for', async () => {
  const ruins = await openRuins();
  const { model, app, general } = ruins;
  const { id, store } = await ruins.taken('a story');
  general.overwrite(app, [], ['ReadMessageHistory']);
  await ruins.unnoted(general, 'Once upon a', id);
  model.script('Once upon a time.');
  await startBot(ruins);
  await settled(store);
  expect(texts(ruins, general)).toEqual(['Once upon a time.']);
});

test('what an interaction without an acknowledgement was answered with, and never noted, is completed', async () => {
  const ruins = await openRuins();
  const { model, general } = ruins;
  await (await startBot(ruins)).stop();
  const { id, store } = await ruins.invoked('Hm?');
  await ruins.unnoted(general, '> Hm?\n\nOnce upon a', id);
  model.script('Once upon a time.');
  await startBot(ruins);
  await settled(store);
  expect(texts(ruins, general)).toEqual(['> Hm?\n\nOnce upon a time.']);
});

test('an address that can’t be read ends its turn, and the channel goes on', async () => {
  const ruins = await openRuins();
  const { discord, model, app, ada, general } = ruins;
  const { id, store } = await ruins.taken('one');
  await store.readdress(id, '{"kind":"pigeon"}');
  model.script('Two.');
  await ada.says(general, `${app.mention} two`);
  await startBot(ruins);
  await discord.until(() => texts(ruins, general).includes('Two.'));
  await settled(store);
});

test('a Discord that is out at the start of a resumed answer is waited for', async () => {
  const ruins = await openRuins();
  const { discord, model, general } = ruins;
  await ruins.taken('one');
  model.script('One.');
  discord.faults.rest({ method: 'GET', route: '/channels/:channel_id/messages', answer: 'reset', times: 2 });
  await startBot(ruins);
  await discord.until(() => texts(ruins, general).includes('One.'));
});
