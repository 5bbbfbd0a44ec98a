import { type APIMessage, ComponentType } from 'discord-api-types/v10';
import { expect, onTestFinished, test, vi } from 'vitest';
import { adjustableClock } from '../../src/sandbox/clock.js';
import { refusals } from '../../src/sandbox/model/refusals.js';
import { gate } from '../fakes.js';
import { api } from '../sandbox/raw.js';
import { openHome, startBot } from './home.js';

type Home = Awaited<ReturnType<typeof openHome>>;

const seen = ({ discord, ada, app, general }: Home) =>
  discord.sees(ada, general).filter(({ author }) => author.id === app.id);

const texts = (home: Home): string[] => seen(home).map(({ content }) => content);

/** Waits until no turn is left for another process. */
const settled = ({ store }: Pick<Home, 'store'>) =>
  vi.waitUntil(async () => (await store.unsettled()).length === 0, { timeout: 10_000 });

const reactions = ({ discord, ada, general }: Home, questionId: string) =>
  discord.sees(ada, general).find(({ id }) => id === questionId)?.reactions ?? [];

/** The name of the button below a message, where there is one. */
function buttonOf(message: APIMessage | undefined): string | undefined {
  const [row] = message?.components ?? [];
  const [button] = row?.type === ComponentType.ActionRow ? row.components : [];
  return button && 'custom_id' in button ? button.custom_id : undefined;
}

test('a flood is refused once in words and then with a mark, and what was taken is answered', async () => {
  const home = await openHome({ maxWaitingPerPerson: 2 });
  const { discord, model, app, ada, bob, general, lines } = home;
  const held = gate();
  model.script(
    async function* () {
      await held.opened;
      yield 'One.';
    },
    'Two.',
    'Three.',
  );
  await ada.says(general, `${app.mention} one`);
  await ada.says(general, `${app.mention} two`);
  const refused = await ada.says(general, `${app.mention} three`);
  const told = await discord.until(() => seen(home)[0]);
  expect(told.content).toBe(
    `2 questions of yours wait already, so I left this one out. Please ask it again later.\n-# Reference: ${refused.id}`,
  );
  const next = await ada.says(general, `${app.mention} four`);
  const marked = () => discord.sees(ada, general).find(({ id }) => id === next.id)?.reactions?.[0]?.emoji.name;
  await discord.until(() => marked() === '✋');
  await bob.says(general, `${app.mention} five`);
  held.open();
  await discord.until(() => seen(home).length === 4);
  expect(
    seen(home)
      .map(({ content }) => content)
      .slice(1),
  ).toEqual(['One.', 'Two.', 'Three.']);
  expect(lines.filter((line) => line.includes('turn refused'))).toHaveLength(2);
  expect(model.requests).toHaveLength(3);
});

test('a flood of /ask is refused where each asker looks', async () => {
  const home = await openHome({ maxWaitingPerPerson: 1 });
  const { discord, model, app, ada, general } = home;
  const held = gate();
  model.script(async function* () {
    await held.opened;
    yield 'One.';
  });
  const first = await ada.invokes(app, general, 'ask', { prompt: 'one' });
  const second = await ada.invokes(app, general, 'ask', { prompt: 'two' });
  await discord.until(() => second.message?.content.startsWith('1 question of yours wait already'));
  held.open();
  await discord.until(() => first.message?.content.endsWith('One.'));
  await settled(home);
  expect(model.requests).toHaveLength(1);
});

test('two bots that answer each other stop at once: a bot’s message is no question', async () => {
  const home = await openHome({ messageContent: 'on' });
  const { discord, model, app, ada, guild, general } = home;
  const other = discord.application({ name: 'Echo' });
  guild.install(other);
  model.script('Hello.', 'Still me.');
  await ada.says(general, `${app.mention} hi`);
  const hello = await discord.until(() => seen(home)[0]);
  const asOther = api(discord, `Bot ${other.token}`);
  await asOther('POST', `/channels/${general.id}/messages`, {
    content: `${app.mention} Hello to you!`,
    message_reference: { message_id: hello.id },
  });
  await ada.says(general, `${app.mention} still there?`);
  await discord.until(() => seen(home).at(-1)?.content === 'Still me.');
  expect(model.requests).toHaveLength(2);
});

test('a failure that may pass offers to ask again, and one that will not pass does not', async () => {
  const home = await openHome();
  const { discord, model, app, ada, general } = home;
  model.script(refusals.badKey, '', 'At last.');
  await ada.says(general, `${app.mention} one`);
  const key = await discord.until(() => seen(home)[0]);
  expect(key.components).toEqual([]);
  const asked = await ada.says(general, `${app.mention} two`);
  const empty = await discord.until(() => seen(home)[1]);
  const pressed = await ada.presses(empty, `again:${asked.id}`);
  await discord.until(() => pressed.message?.content === '> two\n\nAt last.');
  await discord.until(() => seen(home)[1]?.components?.length === 0);
  // What was asked again is a part of the conversation like any other.
  model.script('Yes.');
  await ada.says(general, `${app.mention} three`);
  await discord.until(() => seen(home).at(-1)?.content === 'Yes.');
  const told = model.requests.at(-1)?.body.messages.map(({ content }) => String(content).split('\n').at(-1));
  expect(told?.slice(1)).toEqual(['| two', 'At last.', '| three']);
});

test('a question that fails again can be asked again, each time as a turn of its own', async () => {
  const clock = adjustableClock();
  const home = await openHome({ discord: { clock } });
  const { discord, model, app, ada, general } = home;
  const held = gate();
  model.script(
    ...['', ''],
    async function* () {
      await held.opened;
      yield '';
    },
    'At last.',
  );
  const { id } = await ada.says(general, `${app.mention} one`);
  const first = await discord.until(() => seen(home)[0]);
  const second = await ada.presses(first, `again:${id}`);
  await discord.until(() => second.message?.content.endsWith(`Reference: ${id}~1`));
  expect(buttonOf(second.message)).toBe(`again:${id}~1`);
  const third = await ada.presses(await discord.until(() => second.message), `again:${id}~1`);
  await discord.until(() => third.state === 'thinking');
  // What its token can’t show any more comes by the bot’s own right.
  clock.advance(15 * 60_000 + 1000);
  held.open();
  const own = await discord.until(() => seen(home).find(({ content }) => content.endsWith(`Reference: ${id}~2`)));
  expect(discord.world.channels.get(general.id)?.messages.get(own.id)?.nonce).toBe(`${id}~2.0`);
  const fourth = await ada.presses(own, `again:${id}~2`);
  await discord.until(() => fourth.message?.content === '> one\n\nAt last.');
});

test('of two presses at once, one asks again, and the other is told', async () => {
  const home = await openHome();
  const { discord, model, app, ada, general } = home;
  model.script('', 'At last.');
  const { id } = await ada.says(general, `${app.mention} one`);
  const failed = await discord.until(() => seen(home)[0]);
  const presses = await Promise.all([ada.presses(failed, `again:${id}`), ada.presses(failed, `again:${id}`)]);
  await discord.until(() => presses.every(({ message }) => message?.content));
  expect(presses.map(({ message }) => message?.content).sort()).toEqual([
    '> one\n\nAt last.',
    'This was asked again already.',
  ]);
  expect(model.requests).toHaveLength(2);
});

test('the button stays where asking again is refused, and asks when there is room', async () => {
  const home = await openHome({ maxWaitingPerPerson: 1 });
  const { discord, model, app, ada, general, garden } = home;
  const held = gate();
  model.script(
    '',
    async function* () {
      await held.opened;
      yield 'Long.';
    },
    'At last.',
  );
  const { id } = await ada.says(general, `${app.mention} one`);
  const failed = await discord.until(() => seen(home)[0]);
  await settled(home);
  await ada.says(garden, `${app.mention} long`);
  await model.request(1);
  const refused = await ada.presses(failed, `again:${id}`);
  await discord.until(() => refused.message?.content.startsWith('1 question of yours wait already'));
  expect(buttonOf(seen(home)[0])).toBe(`again:${id}`);
  held.open();
  await settled(home);
  expect(buttonOf(seen(home)[0])).toBe(`again:${id}`);
  const taken = await ada.presses(failed, `again:${id}`);
  await discord.until(() => taken.message?.content === '> one\n\nAt last.');
  await discord.until(() => buttonOf(seen(home)[0]) === undefined);
});

test('a question that is asked again and waits when the bot is stopped is answered by the next', async () => {
  const home = await openHome();
  const { discord, model, app, ada, general } = home;
  model.script(
    '',
    async function* ({ closed }) {
      yield 'Half of ';
      await closed;
    },
    'Half of it, and all.',
    'At last.',
  );
  const { id } = await ada.says(general, `${app.mention} one`);
  const failed = await discord.until(() => seen(home)[0]);
  await ada.says(general, `${app.mention} long`);
  await model.request(1);
  const pressed = await ada.presses(failed, `again:${id}`);
  await discord.until(() => pressed.state === 'thinking');
  await home.stop();
  expect(pressed.message?.content).toBe('');
  await startBot(home);
  await discord.until(() => pressed.message?.content === '> one\n\nAt last.');
});

test('a question that was forgotten meanwhile is not asked again', async () => {
  const home = await openHome();
  const { discord, model, app, ada, general } = home;
  model.script('');
  const asked = await ada.says(general, `${app.mention} one`);
  const empty = await discord.until(() => seen(home)[0]);
  const reset = await ada.invokes(app, general, 'reset');
  await discord.until(() => reset.state === 'answered');
  const pressed = await ada.presses(empty, `again:${asked.id}`);
  await discord.until(() => pressed.message?.content === 'That question has been forgotten. Please ask it anew.');
  expect(pressed.ephemeral).toBe(true);
  expect(model.requests).toHaveLength(1);
});

test('a command that has its answer at once costs one request', async () => {
  const home = await openHome();
  const { discord, app, ada, general } = home;
  const before = discord.calls.length;
  const use = await ada.invokes(app, general, 'system show');
  await discord.until(() => use.state === 'answered');
  const own = discord.calls.slice(before).filter(({ route }) => /interaction_token/.test(route));
  expect(own.map(({ method, route }) => `${method} ${route}`)).toEqual([
    'POST /interactions/:interaction_id/:interaction_token/callback',
  ]);
});

test('a command’s answer that was lost on its way, though it took effect or not, is there once', async () => {
  const home = await openHome();
  const { discord, app, ada, general } = home;
  const route = '/interactions/:interaction_id/:interaction_token/callback';
  for (const takesEffect of [true, false]) {
    discord.faults.rest({ method: 'POST', route, takesEffect, answer: 'reset' });
    await ada.invokes(app, general, 'reset');
    await discord.until(() => seen(home).length > 0);
    expect(seen(home).map(({ content }) => content)).toEqual(['There was nothing to forget.']);
    const [shown] = seen(home);
    if (shown) await ada.deletes(shown);
  }
});

test('a message whose creation was lost on its way is there once, though its nonce is forgotten when it is repeated', async () => {
  const clock = adjustableClock();
  const home = await openHome({ discord: { clock } });
  const { discord, model, app, ada, general } = home;
  model.script('One.');
  const route = '/channels/:channel_id/messages';
  discord.faults.rest({ method: 'POST', route, of: app, takesEffect: true, answer: 'reset' });
  await ada.says(general, `${app.mention} one`);
  await discord.until(() => seen(home).length > 0);
  // Time passes for Discord, which forgets, and for the bot.
  const minutes = 6 * 60_000;
  clock.advance(minutes);
  const now = performance.now.bind(performance);
  const later = vi.spyOn(performance, 'now').mockImplementation(() => now() + minutes);
  onTestFinished(() => later.mockRestore());
  await settled(home);
  expect(texts(home)).toEqual(['One.']);
});

/** Two questions of which the second waits, until its mark stands there. */
async function openQueue() {
  const home = await openHome();
  const { discord, model, app, ada, general } = home;
  const held = gate();
  model.script(async function* () {
    await held.opened;
    yield 'One.';
  }, 'Two.');
  return {
    ...home,
    answer: held.open,
    async ask() {
      await ada.says(general, `${app.mention} one`);
      const { id } = await ada.says(general, `${app.mention} two`);
      await discord.until(() => reactions(home, id).length > 0);
      return id;
    },
  };
}

const ownReaction = '/channels/:channel_id/messages/:message_id/reactions/:emoji/@me';

test('the mark of a question that waited goes, though Discord said that it was not set', async () => {
  const home = await openQueue();
  const { discord, app } = home;
  const answer = { status: 500 };
  discord.faults.rest({ method: 'PUT', route: ownReaction, of: app, takesEffect: true, answer, times: 4 });
  const id = await home.ask();
  await discord.until(() => discord.calls.filter(({ status }) => status === 500).length === 4);
  home.answer();
  await discord.until(() => texts(home).length === 2);
  await discord.until(() => reactions(home, id).length === 0);
});

test('a turn is not over before the mark on its question has gone', async () => {
  const home = await openQueue();
  const { discord, app } = home;
  const id = await home.ask();
  discord.faults.rest({ method: 'DELETE', route: ownReaction, of: app, delayMs: 400 });
  home.answer();
  await settled(home);
  expect(texts(home)).toEqual(['One.', 'Two.']);
  expect(reactions(home, id)).toEqual([]);
});
