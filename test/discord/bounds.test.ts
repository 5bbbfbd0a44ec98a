import { expect, test } from 'vitest';
import { refusals } from '../../src/sandbox/model/refusals.js';
import { gate } from '../fakes.js';
import { api } from '../sandbox/raw.js';
import { openHome } from './home.js';

type Home = Awaited<ReturnType<typeof openHome>>;

const seen = ({ discord, ada, app, general }: Home) =>
  discord.sees(ada, general).filter(({ author }) => author.id === app.id);

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
