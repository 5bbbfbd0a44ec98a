import { expect, test } from 'vitest';
import { adjustableClock } from '../../src/sandbox/clock.js';
import { gate } from '../fakes.js';
import { openHome, openSandbox, type Sandbox, startBot } from './home.js';

interface Place {
  readonly id: string;
}

const texts = ({ discord, ada, app }: Sandbox, channel: Place): string[] =>
  discord
    .sees(ada, channel)
    .filter(({ author }) => author.id === app.id)
    .map(({ content }) => content);

const asked = ({ model }: Sandbox): string[] =>
  model.requests.map(({ body }) => String(body.messages.at(-1)?.content).split('\n').at(-1) ?? '');

test('mentions that came while the bot was away are answered once, in order, with the askers’ names', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, bob, guild, general, garden } = sandbox;
  const cleo = discord.person({ username: 'cleo', name: 'Cleo' });
  guild.join(cleo);
  const member = discord.world.guilds.get(guild.id)?.members.get(cleo.id);
  if (member) member.nick = 'Queen';
  model.script('One.', 'Two.', 'Three.');
  await ada.says(general, `${app.mention} one`);
  await bob.says(general, 'not to the bot');
  await ada.says(general, app.mention);
  await cleo.says(general, `${app.mention} two`);
  await startBot(sandbox);
  await discord.until(() => texts(sandbox, general).length === 2);
  expect(texts(sandbox, general)).toEqual(['One.', 'Two.']);
  expect(String(model.requests[1]?.body.messages.at(-1)?.content)).toBe('@cleo (Queen):\n| two');
  await ada.says(garden, `${app.mention} three`);
  await discord.until(() => texts(sandbox, garden).length === 1);
  expect(asked(sandbox)).toEqual(['| one', '| two', '| three']);
});

test('what is older than ten minutes is not answered, nor what was answered before', async () => {
  const clock = adjustableClock();
  const home = await openHome({ discord: { clock } });
  const { discord, model, app, ada, general, stop } = home;
  model.script('Before.', 'New.');
  await ada.says(general, `${app.mention} before`);
  await discord.until(() => texts(home, general).length === 1);
  await stop();
  await ada.says(general, `${app.mention} old`);
  clock.advance(10 * 60_000 + 5000);
  await ada.says(general, `${app.mention} new`);
  await startBot(home);
  await discord.until(() => texts(home, general).includes('New.'));
  expect(asked(home)).toEqual(['| before', '| new']);
});

test('a setting of no minutes leaves everything unanswered that was missed', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general } = sandbox;
  model.script('Two.');
  await ada.says(general, `${app.mention} one`);
  await startBot(sandbox, { catchUpMs: 0 });
  await ada.says(general, `${app.mention} two`);
  await discord.until(() => texts(sandbox, general).includes('Two.'));
  expect(asked(sandbox)).toEqual(['| two']);
});

test('direct messages that came while the bot was away are answered where it was written to before', async () => {
  const home = await openHome();
  const { discord, model, app, ada, stop } = home;
  const direct = await ada.directs(app);
  model.script('Hello.', 'Back.');
  await ada.says(direct, 'hi');
  await discord.until(() => texts(home, direct).length === 1);
  await stop();
  await ada.says(direct, 'still there?');
  await startBot(home);
  await discord.until(() => texts(home, direct).includes('Back.'));
});

test('a thread is looked into as well', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general } = sandbox;
  const thread = await ada.opensThread(general, 'aside');
  model.script('Here.');
  await ada.says(thread, `${app.mention} hi`);
  await startBot(sandbox);
  await discord.until(() => texts(sandbox, thread).includes('Here.'));
});

test('a session that can’t be resumed loses no mention, and those that come then stand behind', async () => {
  const home = await openHome();
  const { discord, model, app, ada, general } = home;
  model.script('One.', 'Two.', 'Three.');
  discord.faults.gateway.acceptsConnections = false;
  discord.faults.gateway.refuseResumes(1);
  discord.faults.gateway.drop();
  await ada.says(general, `${app.mention} one`);
  await ada.says(general, `${app.mention} two`);
  // The channel is read late, after the next message has come.
  discord.faults.rest({ method: 'GET', route: '/channels/:channel_id/messages', delayMs: 300 });
  discord.faults.gateway.acceptsConnections = true;
  await discord.until(() => app.isConnected(), { withinMs: 30_000 });
  await ada.says(general, `${app.mention} three`);
  await discord.until(() => texts(home, general).length === 3, { withinMs: 30_000 });
  expect(asked(home)).toEqual(['| one', '| two', '| three']);
});

test('READY twice, and events twice, answer nothing twice', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general } = sandbox;
  discord.faults.gateway.disturb({ event: 'READY', copies: 2 });
  discord.faults.gateway.disturb({ event: 'MESSAGE_CREATE', copies: 2, times: 2 });
  await startBot(sandbox);
  model.script('One.', 'Two.');
  await ada.says(general, `${app.mention} one`);
  await ada.says(general, `${app.mention} two`);
  await discord.until(() => texts(sandbox, general).includes('Two.'));
  expect(texts(sandbox, general)).toEqual(['One.', 'Two.']);
  expect(asked(sandbox)).toEqual(['| one', '| two']);
});

test('a channel that can’t be read for a moment is read later, and one that may not be read is left alone', async () => {
  const sandbox = await openSandbox();
  const { discord, model, app, ada, general, garden } = sandbox;
  garden.overwrite(app, [], ['ReadMessageHistory']);
  model.script('One.');
  await ada.says(general, `${app.mention} one`);
  await ada.says(garden, `${app.mention} two`);
  discord.faults.rest({ method: 'GET', route: '/channels/:channel_id/messages', answer: 'reset', times: 3 });
  await startBot(sandbox);
  await discord.until(() => texts(sandbox, general).includes('One.'));
  expect(asked(sandbox)).toEqual(['| one']);
  expect(discord.calls.filter(({ status }) => status === 403)).toEqual([]);
});

test('a question that waits is not asked twice when its session is lost', async () => {
  const home = await openHome();
  const { discord, model, app, ada, general } = home;
  const held = gate();
  model.script(async function* () {
    await held.opened;
    yield 'One.';
  }, 'Two.');
  await ada.says(general, `${app.mention} one`);
  await ada.says(general, `${app.mention} two`);
  await model.request(0);
  discord.faults.gateway.invalidate(false);
  await discord.until(() => !app.isConnected());
  await discord.until(() => app.isConnected(), { withinMs: 30_000 });
  held.open();
  await discord.until(() => texts(home, general).length === 2);
  expect(asked(home)).toEqual(['| one', '| two']);
});
