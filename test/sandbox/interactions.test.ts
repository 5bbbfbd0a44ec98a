import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { adjustableClock } from '../../src/sandbox/clock.js';
import { type Discord, type SandboxApplication, startDiscord } from '../../src/sandbox/discord.js';
import type { SandboxChannel, SandboxGuild } from '../../src/sandbox/guild.js';
import type { Person } from '../../src/sandbox/people.js';
import type { Use } from '../../src/sandbox/use.js';
import { api, connect } from './raw.js';

const clock = adjustableClock();
const everywhere = { integration_types: [0, 1], contexts: [0, 1, 2] };
const ask = {
  name: 'ask',
  description: 'Ask.',
  ...everywhere,
  options: [
    { type: 3, name: 'prompt', description: 'What?', required: true, max_length: 10 },
    { type: 5, name: 'private', description: 'For you alone?' },
  ],
};
const system = {
  name: 'system',
  description: 'Its role.',
  default_member_permissions: '16',
  options: [
    { type: 1, name: 'set', description: 'Set it.', options: [{ type: 6, name: 'like', description: 'Like whom?' }] },
    { type: 1, name: 'show', description: 'Show it.' },
  ],
};
const dialog = {
  custom_id: 'role',
  title: 'Role',
  components: [
    {
      type: 1,
      components: [{ type: 4, custom_id: 'text', style: 2, label: 'Text', value: 'You are kind.', max_length: 20 }],
    },
    { type: 18, label: 'Why', component: { type: 4, custom_id: 'why', style: 1, required: false } },
  ],
};
const button = { type: 1, components: [{ type: 2, style: 1, custom_id: 'again', label: 'Again' }] };

let discord: Discord;
let app: SandboxApplication;
let ada: Person;
let bob: Person;
let guild: SandboxGuild;
let general: SandboxChannel;
let bot: ReturnType<typeof api>;
const open = () => api(discord);

/** What the app gets of an interaction. */
interface Received {
  readonly id: string;
  readonly token: string;
  readonly data: { readonly options?: unknown; readonly resolved?: unknown; readonly components?: unknown };
}
let received: Received[];

beforeAll(async () => {
  discord = await startDiscord({ limits: false, clock });
});
afterAll(() => discord.close());
beforeEach(async () => {
  app = discord.application();
  ada = discord.person({ username: 'ada' });
  bob = discord.person({ username: 'bob' });
  guild = discord.guild({ owner: ada, members: [bob] });
  general = guild.channel('general');
  guild.install(app);
  bot = api(discord, `Bot ${app.token}`);
  await bot('PUT', `/applications/${app.id}/commands`, [ask, system]);
  const client = await connect(discord);
  received = [];
  client.socket.on('message', (data) => {
    const { t, d } = JSON.parse(data.toString());
    if (t === 'INTERACTION_CREATE') received.push(d);
  });
  client.identify(app.token, 0);
  await client.got('READY');
});

/** The app's end of a use: what it got, and the routes that answer it. */
async function answering(use: Use) {
  const interaction = await expect
    .poll(() => received.find(({ id }) => id === use.id))
    .toBeDefined()
    .then(() => received.find(({ id }) => id === use.id));
  if (interaction === undefined) throw new Error('The app did not get it');
  const webhook = `/webhooks/${app.id}/${interaction.token}`;
  return {
    interaction,
    respond: (type: number, data?: object, query = '') =>
      open()('POST', `/interactions/${interaction.id}/${interaction.token}/callback${query}`, {
        type,
        ...(data && { data }),
      }),
    followUp: (body: object) => open()('POST', webhook, body),
    original: (method: string, body?: object) => open()(method, `${webhook}/messages/@original`, body),
    message: (method: string, id: string, body?: object) => open()(method, `${webhook}/messages/${id}`, body),
  };
}

async function asked(options: Record<string, string | boolean> = { prompt: 'Hi' }) {
  const use = await ada.invokes(app, general, 'ask', options);
  return { use, ...(await answering(use)) };
}

describe('what the app gets', () => {
  test('a command with its options, its channel, who and where', async () => {
    const { interaction } = await asked({ prompt: 'Hi', private: true });
    expect(interaction).toMatchObject({
      type: 2,
      application_id: app.id,
      data: {
        name: 'ask',
        type: 1,
        options: [
          { name: 'prompt', type: 3, value: 'Hi' },
          { name: 'private', type: 5, value: true },
        ],
      },
      channel: { id: general.id, type: 0 },
      guild_id: guild.id,
      member: { user: { id: ada.id }, permissions: expect.any(String) },
      authorizing_integration_owners: { 0: guild.id },
      context: 0,
      version: 1,
    });
  });

  test('a subcommand with what its ids stand for', async () => {
    const { interaction } = await answering(await ada.invokes(app, general, 'system set', { like: bob }));
    expect(interaction.data).toMatchObject({
      options: [{ type: 1, name: 'set', options: [{ type: 6, name: 'like', value: bob.id }] }],
      resolved: { users: { [bob.id]: { username: 'bob' } }, members: { [bob.id]: { roles: [] } } },
    });
  });
});

test('a command without options comes without them, and without what ids stand for', async () => {
  const { interaction } = await asked();
  expect(interaction.data).not.toHaveProperty('resolved');
  await bot('PUT', `/applications/${app.id}/commands`, [{ name: 'reset', description: 'Forget.' }]);
  const bare = await answering(await ada.invokes(app, general, 'reset'));
  expect(bare.interaction.data).not.toHaveProperty('options');
});

describe('Discord’s client does not send', () => {
  test.each([
    ['an unknown command', 'nonsense', {}, 10063],
    ['a command without its required option', 'ask', {}, 50035],
    ['a text that is too long', 'ask', { prompt: '12345678901' }, 50035],
    ['a value of another kind', 'ask', { prompt: 'x', private: 'yes' }, 50035],
    ['an option that is not there', 'ask', { prompt: 'x', more: 'x' }, 50035],
    ['a bare command that has subcommands', 'system', {}, 50035],
    ['an unknown subcommand', 'system nonsense', {}, 10063],
  ])('%s', async (_what, command, options, code) => {
    await expect(ada.invokes(app, general, command, options)).rejects.toMatchObject({ code });
  });

  test.each(['__proto__', 'constructor', '_errors'])('an option called %s, whose refusal says so', async (name) => {
    const [command] = app.commands();
    const data = {
      id: command?.id,
      name: 'ask',
      options: [
        { type: 3, name: 'prompt', value: 'x' },
        { type: 3, name },
      ],
    };
    const refused = ada.call('POST', '/interactions', {
      type: 2,
      application_id: app.id,
      channel_id: general.id,
      data,
    });
    const { body } = await refused.then(
      () => expect.unreachable(),
      (error) => error,
    );
    const { options } = body.errors.data;
    expect(Object.getOwnPropertyDescriptor(options, name)?.value._errors).toHaveLength(1);
    expect(Object.prototype).not.toHaveProperty('_errors');
  });

  test('a command to which its member permissions do not reach', async () => {
    await expect(bob.invokes(app, general, 'system show')).rejects.toMatchObject({ code: 50013 });
    guild.grant(bob, guild.role('keeper', ['ManageChannels']));
    await bob.invokes(app, general, 'system show');
    guild.allow(guild, ['ViewChannel']);
    await expect(bob.invokes(app, general, 'ask', { prompt: 'x' })).rejects.toMatchObject({ code: 50013 });
  });

  test('a command in a place that it does not name', async () => {
    await bot('PUT', `/applications/${app.id}/commands`, [{ ...ask, contexts: [0] }]);
    const talk = await ada.directs(app);
    await expect(ada.invokes(app, talk, 'ask', { prompt: 'x' })).rejects.toMatchObject({ code: 10063 });
  });
});

describe('the first response', () => {
  test('has three seconds, and there is one', async () => {
    const inTime = await asked();
    expect(inTime.use.state).toBe('waiting');
    clock.advance(2_900);
    expect((await inTime.respond(4, { content: 'Hello' })).status).toBe(204);
    expect((await inTime.respond(4, { content: 'Hello' })).body.code).toBe(40060);
    expect(inTime.use).toMatchObject({ state: 'answered', ephemeral: false, message: { content: 'Hello', type: 20 } });
    const late = await asked();
    clock.advance(3_100);
    expect(late.use.state).toBe('failed');
    expect(await late.respond(4, { content: 'Hello' })).toMatchObject({ status: 404, body: { code: 10062 } });
  });

  test('of an unknown interaction or a wrong token is 10062', async () => {
    const { interaction } = await asked();
    expect((await open()('POST', `/interactions/${interaction.id}/wrong/callback`, { type: 5 })).body.code).toBe(10062);
    expect((await open()('POST', `/interactions/1/${interaction.token}/callback`, { type: 5 })).body.code).toBe(10062);
  });

  test('says who used which command, but not with what', async () => {
    const { use, respond } = await asked();
    await respond(4, { content: 'Hello' });
    expect(use.message).toMatchObject({
      interaction_metadata: { type: 2, user: { id: ada.id }, authorizing_integration_owners: { 0: guild.id } },
      interaction: { name: 'ask' },
      application_id: app.id,
      webhook_id: app.id,
      author: { id: app.id },
    });
    expect(JSON.stringify(use.message)).not.toContain('prompt');
  });

  test('is given back when it is asked for', async () => {
    const { respond, interaction, use } = await asked();
    const { status, body } = await respond(5, { flags: 64 }, '?with_response=true');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      interaction: { id: interaction.id, type: 2, response_message_loading: true, response_message_ephemeral: true },
      resource: { type: 5, message: { id: use.message?.id, flags: 64 | 128 } },
    });
  });

  test('pings people only, if it does not say more', async () => {
    const { use, respond } = await asked();
    await respond(4, { content: `@everyone ${bob.mention}` });
    expect(use.message).toMatchObject({ mention_everyone: false, mentions: [{ id: bob.id }] });
  });

  test('is checked like any message', async () => {
    const { respond } = await asked();
    expect((await respond(4, { content: 'x'.repeat(2001) })).body.code).toBe(50035);
    expect((await respond(4, { content: '' })).body.code).toBe(50006);
    expect((await respond(3, { content: 'x' })).body.code).toBe(50035);
    expect((await respond(7, { content: 'x' })).body.code).toBe(50035);
    expect((await respond(4, { content: '😀'.repeat(2000), embeds: [{ title: '😀'.repeat(256) }] })).status).toBe(204);
  });
});

describe('an ephemeral answer', () => {
  test('is seen by its invoker alone, and by no route of the channel', async () => {
    const { use, respond, original } = await asked();
    await respond(4, { content: 'psst', flags: 64 });
    expect(use.ephemeral).toBe(true);
    expect([discord.texts(ada, general), discord.texts(bob, general)]).toEqual([['psst'], []]);
    expect((await bot('GET', `/channels/${general.id}/messages`)).body).toEqual([]);
    expect((await bot('DELETE', `/channels/${general.id}/messages/${use.message?.id}`)).body.code).toBe(10008);
    await expect(ada.opensThread(general, 'aside', use.message)).rejects.toMatchObject({ code: 10008 });
    expect((await original('PATCH', { content: 'psst!', flags: 0 })).body).toMatchObject({
      content: 'psst!',
      flags: 64,
    });
    expect((await original('DELETE')).status).toBe(204);
    expect(discord.texts(ada, general)).toEqual([]);
  });
});

test('of an ephemeral answer, only its invoker’s client is told', async () => {
  const [mine, others] = [await connect(discord), await connect(discord)];
  mine.identify(ada.token);
  others.identify(bob.token);
  await Promise.all([mine.got('READY'), others.got('READY')]);
  const { respond, followUp } = await asked();
  await respond(4, { content: 'psst', flags: 64 });
  await followUp({ content: 'aloud' });
  await others.got('MESSAGE_CREATE');
  const read = ({ received: all }: typeof mine) =>
    all.flatMap(({ t, d }) => (t === 'MESSAGE_CREATE' ? [(d as { content: string }).content] : []));
  expect([read(mine), read(others)]).toEqual([['psst', 'aloud'], ['aloud']]);
});

describe('an answer that is put off', () => {
  test('shows that the app thinks, and comes as an edit that is not marked as one', async () => {
    const { use, respond, original } = await asked();
    await respond(5);
    expect(use).toMatchObject({ state: 'thinking', message: { content: '', flags: 128 } });
    clock.advance(10_000);
    await original('PATCH', { content: 'Hello' });
    expect(use).toMatchObject({ state: 'answered', message: { content: 'Hello', flags: 0, edited_timestamp: null } });
    await original('PATCH', { content: 'Hello!' });
    expect(use.message?.edited_timestamp).toEqual(expect.any(String));
    expect(discord.edits(use.message ?? { id: '' }).map(({ content }) => content)).toEqual(['Hello', 'Hello!']);
  });

  test('is as private as the deferral said, and its place is taken by the first follow-up', async () => {
    const { use, respond, followUp } = await asked();
    await respond(5, { flags: 64 | 4 });
    expect(use.message?.flags).toBe(64 | 128);
    const first = await followUp({ content: 'one' });
    expect(first.body).toMatchObject({ id: use.message?.id, content: 'one', flags: 64 });
    const second = await followUp({ content: 'two' });
    expect(second.body).toMatchObject({ type: 19, message_reference: { message_id: use.message?.id }, flags: 0 });
    expect(use.followUps.map(({ content }) => content)).toEqual(['two']);
  });
});

test('an answer that is put off and deleted leaves room for follow-ups, unless somebody else deleted it', async () => {
  const { respond, original, followUp, use } = await asked();
  await respond(5);
  await original('DELETE');
  expect((await followUp({ content: 'after all' })).status).toBe(200);
  expect(use.followUps).toMatchObject([{ content: 'after all' }]);
  const other = await asked();
  await other.respond(5);
  if (other.use.message) await ada.deletes(other.use.message);
  expect((await other.followUp({ content: 'too late' })).body.code).toBe(10008);
});

describe('the token', () => {
  test('does nothing before the first response', async () => {
    const { followUp, original } = await asked();
    expect((await followUp({ content: 'x' })).body.code).toBe(10015);
    expect((await original('GET')).body.code).toBe(10015);
  });

  test('dies after 15 minutes', async () => {
    const { respond, followUp, original } = await asked();
    await respond(5);
    clock.advance(14.9 * 60_000);
    expect((await original('PATCH', { content: 'x' })).status).toBe(200);
    clock.advance(0.2 * 60_000);
    expect(await original('PATCH', { content: 'y' })).toMatchObject({ status: 401, body: { code: 50027 } });
    expect((await followUp({ content: 'x' })).body.code).toBe(50027);
  });

  test('reads, changes and deletes what it made, and nothing else', async () => {
    const { respond, followUp, message, original } = await asked();
    await respond(4, { content: 'one' });
    const { body } = await followUp({ content: 'two', flags: 64 });
    expect((await message('GET', body.id)).body.content).toBe('two');
    expect((await message('PATCH', body.id, { content: 'three' })).body.content).toBe('three');
    expect((await message('DELETE', body.id)).status).toBe(204);
    expect((await message('GET', body.id)).body.code).toBe(10008);
    const foreign = await ada.says(general, 'mine');
    expect((await message('PATCH', foreign.id, { content: 'x' })).body.code).toBe(10008);
    await original('DELETE');
    expect((await original('PATCH', { content: 'x' })).body.code).toBe(10008);
  });
});

describe('an app that only a person has installed', () => {
  test('sees no channel, and follows up five times at most', async () => {
    guild.kick(app);
    await expect(ada.invokes(app, general, 'ask', { prompt: 'x' })).rejects.toMatchObject({ code: 10063 });
    ada.installs(app);
    const { interaction, respond, followUp } = await asked();
    expect(interaction).toMatchObject({ authorizing_integration_owners: { 1: ada.id } });
    expect((await bot('GET', `/channels/${general.id}`)).body.code).toBe(50001);
    expect((await bot('POST', `/channels/${general.id}/messages`, { content: 'x' })).body.code).toBe(50001);
    await respond(4, { content: 'one' });
    for (let count = 0; count < 5; count += 1) expect((await followUp({ content: 'more' })).status).toBe(200);
    expect((await followUp({ content: 'more' })).body.code).toBe(40094);
  });

  test('answers in private where external apps are not allowed', async () => {
    guild.kick(app);
    bob.installs(app);
    guild.allow(guild, ['ViewChannel', 'SendMessages', 'UseApplicationCommands']);
    const use = await bob.invokes(app, general, 'ask', { prompt: 'x' });
    await (await answering(use)).respond(4, { content: 'x' });
    expect(use.ephemeral).toBe(true);
  });

  test('answers in its own conversation and between two people', async () => {
    const own = await ada.invokes(app, await ada.directs(app), 'ask', { prompt: 'x' });
    expect((await answering(own)).interaction).toMatchObject({
      context: 1,
      user: { id: ada.id },
      authorizing_integration_owners: { 0: '0' },
    });
    ada.installs(app);
    const between = await ada.invokes(app, await ada.directs(bob), 'ask', { prompt: 'x' });
    expect((await answering(between)).interaction).toMatchObject({ context: 2 });
  });
});

describe('a dialog box', () => {
  test('opens, and what is filled in arrives as its own interaction', async () => {
    const use = await ada.invokes(app, general, 'system set');
    expect((await (await answering(use)).respond(9, dialog)).status).toBe(204);
    expect(use).toMatchObject({ state: 'dialog', dialog: { title: 'Role' }, message: undefined });
    const sent = await ada.submits(use, { why: 'because' });
    const { interaction, respond } = await answering(sent);
    expect(interaction).toMatchObject({
      type: 5,
      data: {
        custom_id: 'role',
        components: [
          { type: 1, components: [{ type: 4, custom_id: 'text', value: 'You are kind.' }] },
          { type: 18, component: { type: 4, custom_id: 'why', value: 'because' } },
        ],
      },
    });
    await respond(4, { content: 'Done', flags: 64 });
    expect(sent.message).toMatchObject({
      content: 'Done',
      interaction_metadata: { type: 5, triggering_interaction_metadata: { id: use.id, type: 2 } },
    });
  });

  test('is not sent with too long or missing texts', async () => {
    const use = await ada.invokes(app, general, 'system set');
    await (await answering(use)).respond(9, dialog);
    await expect(ada.submits(use, { text: '' })).rejects.toMatchObject({ code: 50035 });
    await expect(ada.submits(use, { text: 'x'.repeat(21) })).rejects.toMatchObject({ code: 50035 });
    await expect(ada.submits(use, { other: 'x' })).rejects.toMatchObject({ code: 50035 });
    await ada.submits(use);
    expect(() => ada.submits(use)).toThrow('no dialog box');
  });

  test('is a first response, and no answer to a dialog box', async () => {
    const use = await ada.invokes(app, general, 'system set');
    const first = await answering(use);
    expect((await first.respond(9, { ...dialog, title: 'x'.repeat(46) })).body.code).toBe(50035);
    expect(
      (await first.respond(9, { ...dialog, components: [dialog.components[0], dialog.components[0]] })).body.code,
    ).toBe(50035);
    await first.respond(9, dialog);
    expect((await first.respond(9, dialog)).body.code).toBe(40060);
    const { respond } = await answering(await ada.submits(use));
    expect((await respond(9, dialog)).body.code).toBe(50035);
  });
});

describe('a button', () => {
  test('brings its message along, and can change it', async () => {
    const { use, respond } = await asked();
    await respond(4, { content: 'one', components: [button] });
    const { message } = use;
    if (message === undefined) throw new Error('There is no message');
    const pressed = await bob.presses(message, 'again');
    const { interaction, respond: update } = await answering(pressed);
    expect(interaction).toMatchObject({
      type: 3,
      data: { custom_id: 'again', component_type: 2 },
      message: { id: message.id },
    });
    await update(7, { content: 'two', components: [] });
    expect(discord.texts(ada, general)).toEqual(['two']);
    await expect(bob.presses(message, 'again')).rejects.toMatchObject({ code: 50035 });
  });

  test('can be acknowledged and answered later, beside its message', async () => {
    const { use, respond } = await asked();
    await respond(4, { content: 'one', components: [button] });
    const { message } = use;
    if (message === undefined) throw new Error('There is no message');
    const pressed = await bob.presses(message, 'again');
    const app2 = await answering(pressed);
    await app2.respond(6);
    expect((await app2.original('PATCH', { content: 'changed' })).body.id).toBe(message.id);
    expect((await app2.followUp({ content: 'beside' })).body).toMatchObject({
      message_reference: { message_id: message.id },
    });
    expect(discord.texts(bob, general)).toEqual(['changed', 'beside']);
  });
});
