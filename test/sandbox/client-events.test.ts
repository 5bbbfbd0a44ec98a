import { expect, onTestFinished, test } from 'vitest';
import { startDiscord } from '../../src/sandbox/discord.js';
import { api, connect } from './raw.js';

const commands = [
  { name: 'ask', description: 'Ask.' },
  { name: 'manage', description: 'Manage.', default_member_permissions: '16' },
];

async function open() {
  const discord = await startDiscord();
  onTestFinished(() => discord.close());
  const app = discord.application();
  const [ada, bob] = ['ada', 'bob'].map((username) => discord.person({ username }));
  if (!ada || !bob) throw new Error('Nobody there');
  const guild = discord.guild({ owner: ada, members: [bob] });
  const general = guild.channel('general');
  guild.install(app);
  const bot = api(discord, `Bot ${app.token}`);
  await bot('PUT', `/applications/${app.id}/commands`, commands);
  return { discord, app, ada, bob, guild, general, bot };
}

/** A person's client, connected. */
async function clientOf({ discord }: Awaited<ReturnType<typeof open>>, { token }: { readonly token: string }) {
  const client = await connect(discord);
  client.send(2, { token, properties: {} });
  await client.got('READY');
  return client;
}

const dataOf = async (client: Awaited<ReturnType<typeof connect>>, event: string): Promise<unknown> =>
  (await client.got(event)).d;

/** Posts a use of a command as a person's client does, and answers it as the app. */
async function ask(sandbox: Awaited<ReturnType<typeof open>>, response?: unknown) {
  const { discord, app, ada, general, bot } = sandbox;
  const appClient = await connect(discord);
  appClient.identify(app.token, 0);
  await appClient.got('READY');
  const { body } = await bot('GET', `/applications/${app.id}/commands`);
  const data = { id: body[0].id, name: 'ask', type: 1 };
  const posted = { type: 2, application_id: app.id, channel_id: general.id, session_id: 'mine', nonce: '42', data };
  expect((await api(discord, ada.token)('POST', '/interactions', posted)).status).toBe(204);
  const { d } = await appClient.got('INTERACTION_CREATE');
  // What was asserted above to be an interaction.
  const { id, token } = d as { id: string; token: string };
  if (response) expect((await bot('POST', `/interactions/${id}/${token}/callback`, response)).status).toBe(204);
  return id;
}

test('a person’s READY names their direct conversations and their server, and the server comes with all its members', async () => {
  const sandbox = await open();
  const { app, ada, guild, general } = sandbox;
  const direct = await ada.directs(app);
  const client = await clientOf(sandbox, ada);
  expect(await dataOf(client, 'READY')).toMatchObject({
    user: { id: ada.id },
    guilds: [{ id: guild.id, unavailable: true }],
    private_channels: [{ id: direct.id, type: 1, recipients: [{ id: app.id }] }],
  });
  expect(await dataOf(client, 'GUILD_CREATE')).toMatchObject({
    id: guild.id,
    channels: [{ id: general.id }],
    members: [{}, {}, {}],
  });
});

test('a person sees what others say, with its content', async () => {
  const sandbox = await open();
  const client = await clientOf(sandbox, sandbox.ada);
  await sandbox.bob.says(sandbox.general, 'Good morning');
  expect(await dataOf(client, 'MESSAGE_CREATE')).toMatchObject({ content: 'Good morning' });
});

test('who uses a command is told its id by the nonce, that it succeeded, and the answer; others get the answer alone', async () => {
  const sandbox = await open();
  const client = await clientOf(sandbox, sandbox.ada);
  const other = await clientOf(sandbox, sandbox.bob);
  const id = await ask(sandbox, { type: 4, data: { content: 'An answer' } });
  expect(await dataOf(client, 'INTERACTION_CREATE')).toEqual({ id, nonce: '42' });
  expect(await dataOf(client, 'INTERACTION_SUCCESS')).toEqual({ id, nonce: '42' });
  expect(await dataOf(client, 'MESSAGE_CREATE')).toMatchObject({ content: 'An answer', interaction_metadata: { id } });
  await other.got('MESSAGE_CREATE');
  expect(other.events().filter((event) => event.startsWith('INTERACTION'))).toEqual([]);
});

test('a deferral shows as a message that loads, and an ephemeral one to who asked alone', async () => {
  const sandbox = await open();
  const client = await clientOf(sandbox, sandbox.ada);
  const other = await clientOf(sandbox, sandbox.bob);
  await ask(sandbox, { type: 5, data: { flags: 64 } });
  expect(await dataOf(client, 'MESSAGE_CREATE')).toMatchObject({ flags: 128 + 64, content: '' });
  await sandbox.ada.says(sandbox.general, 'Done');
  expect(await dataOf(other, 'MESSAGE_CREATE')).toMatchObject({ content: 'Done' });
});

test('a dialog box is opened at who asked for it', async () => {
  const sandbox = await open();
  const client = await clientOf(sandbox, sandbox.ada);
  const input = { type: 4, custom_id: 'text', style: 2, label: 'Text' };
  const dialog = { custom_id: 'role', title: 'Role', components: [{ type: 1, components: [input] }] };
  const id = await ask(sandbox, { type: 9, data: dialog });
  expect(await dataOf(client, 'INTERACTION_MODAL_CREATE')).toMatchObject({
    id,
    nonce: '42',
    custom_id: 'role',
    title: 'Role',
    channel_id: sandbox.general.id,
    application: { id: sandbox.app.id },
    components: [{ components: [{ custom_id: 'text' }] }],
  });
});

test('an interaction that gets no response in three seconds has failed, and its nonce tells which', async () => {
  const sandbox = await open();
  const client = await clientOf(sandbox, sandbox.ada);
  const id = await ask(sandbox);
  expect(await dataOf(client, 'INTERACTION_FAILURE')).toEqual({ id, nonce: '42', reason_code: 2 });
  expect(client.events()).not.toContain('INTERACTION_SUCCESS');
});

test('the commands of a channel are those that this person may use there', async () => {
  const sandbox = await open();
  const { discord, app, ada, bob, general } = sandbox;
  const namesFor = async (token: string, channelId: string) => {
    const { body } = await api(discord, token)('GET', `/channels/${channelId}/application-command-index`);
    const found: { name: string }[] = body.application_commands;
    return found.map(({ name }) => name);
  };
  expect(await namesFor(ada.token, general.id)).toEqual(['ask', 'manage']);
  expect(await namesFor(bob.token, general.id)).toEqual(['ask']);
  expect(await namesFor(bob.token, (await bob.directs(app)).id)).toEqual(['ask', 'manage']);
});
