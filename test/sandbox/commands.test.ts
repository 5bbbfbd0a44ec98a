import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { adjustableClock } from '../../src/sandbox/clock.js';
import { type Discord, type SandboxApplication, startDiscord } from '../../src/sandbox/discord.js';
import { api } from './raw.js';

const clock = adjustableClock();
let discord: Discord;
let app: SandboxApplication;
let bot: ReturnType<typeof api>;
let at: string;

beforeAll(async () => {
  discord = await startDiscord({ limits: false, clock });
});
afterAll(() => discord.close());
beforeEach(() => {
  app = discord.application();
  bot = api(discord, `Bot ${app.token}`);
  at = `/applications/${app.id}/commands`;
});

const ask = { name: 'ask', description: 'Ask.' };
const text = (name: string, more = {}) => ({ type: 3, name, description: 'x', ...more });

test('a command comes back with every field filled in', async () => {
  const { body } = await bot('PUT', at, [{ ...ask, options: [text('prompt', { required: true }), text('more')] }]);
  expect(body).toEqual([
    {
      id: expect.stringMatching(/^\d+$/),
      application_id: app.id,
      version: expect.stringMatching(/^\d+$/),
      default_member_permissions: null,
      type: 1,
      name: 'ask',
      name_localizations: null,
      description: 'Ask.',
      description_localizations: null,
      dm_permission: true,
      contexts: null,
      integration_types: [0],
      nsfw: false,
      options: [
        { ...text('prompt'), required: true, name_localizations: null, description_localizations: null },
        { ...text('more'), name_localizations: null, description_localizations: null },
      ],
    },
  ]);
  const listed = (await bot('GET', at)).body[0];
  expect(listed).not.toHaveProperty('name_localizations');
  expect((await bot('GET', `${at}?with_localizations=true`)).body).toEqual(body);
});

test('the same list again changes nothing; a changed command keeps its id and gets a new version', async () => {
  const [first] = (await bot('PUT', at, [ask])).body;
  expect((await bot('PUT', at, [ask])).body).toEqual([first]);
  const [changed] = (await bot('PUT', at, [{ ...ask, description: 'Ask me.', default_member_permissions: '32' }])).body;
  expect(changed).toMatchObject({ id: first.id, description: 'Ask me.', default_member_permissions: '32' });
  expect(changed.version).not.toBe(first.version);
  expect((await bot('PUT', at, [])).body).toEqual([]);
});

test('single commands are made, read, changed and deleted', async () => {
  const { body } = await bot('POST', at, ask);
  expect((await bot('POST', at, { ...ask, description: 'Again.' })).body.id).toBe(body.id);
  expect((await bot('PATCH', `${at}/${body.id}`, { description: 'Third.' })).body).toMatchObject({
    name: 'ask',
    description: 'Third.',
  });
  expect((await bot('GET', `${at}/${body.id}`)).body.description).toBe('Third.');
  expect((await bot('DELETE', `${at}/${body.id}`)).status).toBe(204);
  expect((await bot('GET', `${at}/${body.id}`)).body.code).toBe(10063);
});

test('a server’s commands are its own', async () => {
  const guild = discord.guild({ owner: discord.person({ username: 'ada' }) });
  const here = `/applications/${app.id}/guilds/${guild.id}/commands`;
  expect((await bot('PUT', here, [ask])).body.code).toBe(10004);
  guild.install(app);
  expect((await bot('PUT', here, [ask])).body).toMatchObject([{ guild_id: guild.id }]);
  expect((await bot('GET', at)).body).toEqual([]);
});

describe('refused is', () => {
  const fault = async (command: object) => (await bot('PUT', at, [command])).body;
  test.each([
    ['a name with a space', { ...ask, name: 'ask me' }, 'APPLICATION_COMMAND_INVALID_NAME'],
    ['a name in upper case', { ...ask, name: 'Ask' }, 'APPLICATION_COMMAND_INVALID_NAME'],
    ['a name of 33 characters', { ...ask, name: 'x'.repeat(33) }, 'BASE_TYPE_MAX_LENGTH'],
    ['no description', { name: 'ask' }, 'BASE_TYPE_REQUIRED'],
    ['a long description', { ...ask, description: 'x'.repeat(101) }, 'BASE_TYPE_MAX_LENGTH'],
    ['an option without description', { ...ask, options: [{ type: 3, name: 'x' }] }, 'BASE_TYPE_REQUIRED'],
    ['an unknown kind of option', { ...ask, options: [{ ...text('x'), type: 12 }] }, 'UNION_TYPE_CHOICES'],
    [
      'a required option after another',
      { ...ask, options: [text('a'), text('b', { required: true })] },
      'APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID',
    ],
    [
      'two options of one name',
      { ...ask, options: [text('a'), text('a')] },
      'APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS',
    ],
    [
      'a value beside a subcommand',
      { ...ask, options: [{ type: 1, name: 's', description: 'x' }, text('a')] },
      'APPLICATION_COMMAND_OPTIONS_TYPE_INVALID',
    ],
    [
      'more than 25 options',
      { ...ask, options: Array.from({ length: 26 }, (_, n) => text(`o${n}`)) },
      'BASE_TYPE_MAX_LENGTH',
    ],
    ['an empty list of contexts', { ...ask, contexts: [] }, 'BASE_TYPE_MIN_LENGTH'],
    [
      'more than 8,000 characters',
      {
        ...ask,
        options: Array.from({ length: 3 }, (_, n) =>
          text(`o${n}`, {
            choices: Array.from({ length: 25 }, (_, c) => ({
              name: `${c}`.padEnd(60, 'x'),
              value: `${c}`.padEnd(60, 'y'),
            })),
          }),
        ),
      },
      'APPLICATION_COMMAND_TOO_LARGE',
    ],
  ])('%s', async (_what, command, code) => {
    const body = await fault(command);
    expect(body.code).toBe(50035);
    expect(JSON.stringify(body.errors[0])).toContain(code);
  });

  test('two commands of one name, a 101st, and a 201st made in a day', async () => {
    expect(JSON.stringify((await bot('PUT', at, [ask, ask])).body)).toContain('APPLICATION_COMMANDS_DUPLICATE_NAME');
    const many = (from: number, count: number) =>
      Array.from({ length: count }, (_, n) => ({ ...ask, name: `ask${from + n}` }));
    expect((await bot('PUT', at, many(0, 101))).body.code).toBe(30032);
    expect((await bot('PUT', at, many(0, 100))).status).toBe(200);
    expect((await bot('PUT', at, many(100, 100))).status).toBe(200);
    expect((await bot('PUT', at, many(200, 1))).body.code).toBe(30034);
    clock.advance(24 * 3_600_000 + 1);
    expect((await bot('PUT', at, many(200, 1))).status).toBe(200);
  });

  test('another app’s list, and a person’s', async () => {
    const other = discord.application({ name: 'Other' });
    expect((await bot('GET', `/applications/${other.id}/commands`)).body.code).toBe(20012);
    const ada = discord.person({ username: 'ada' });
    expect((await api(discord, ada.token)('GET', at)).body.code).toBe(20002);
  });
});

describe('the app itself', () => {
  test('tells in its flags which intents are switched on, and may switch the limited ones', async () => {
    const mine = async () => (await bot('GET', '/applications/@me')).body;
    expect(await mine()).toMatchObject({ id: app.id, name: 'Parley', flags: 0, bot: { id: app.id } });
    app.switchMessageContent('on');
    expect((await mine()).flags).toBe(1 << 18);
    app.switchMessageContent('off');
    expect((await bot('PATCH', '/applications/@me', { flags: 1 << 19 })).body.flags).toBe(1 << 19);
    expect((await bot('PATCH', '/applications/@me', { flags: 1 << 18 })).body.code).toBe(50035);
    await bot('PUT', at, [ask]);
    expect((await mine()).flags).toBe((1 << 19) | (1 << 23));
    expect((await bot('GET', '/oauth2/applications/@me')).body.id).toBe(app.id);
  });

  test('is told where the gateway is', async () => {
    const { body } = await bot('GET', '/gateway/bot');
    expect(body).toMatchObject({
      url: discord.url.replace('http', 'ws').replace('/api', ''),
      shards: 1,
      session_start_limit: { max_concurrency: 1 },
    });
  });

  test('lists the members of a server one at a time, if it does not ask for more', async () => {
    const [ada, bob] = [discord.person({ username: 'ada' }), discord.person({ username: 'bob' })];
    const guild = discord.guild({ owner: ada, members: [bob] });
    const reader = discord.application({ members: 'on' });
    guild.install(reader);
    const list = async (query: string) => {
      const { body } = await api(discord, `Bot ${reader.token}`)('GET', `/guilds/${guild.id}/members${query}`);
      return body.map(({ user }: { user: { id: string } }) => user.id);
    };
    expect(await list('')).toEqual([ada.id]);
    expect(await list(`?after=${ada.id}&limit=1000`)).toEqual([bob.id, reader.id]);
  });

  test('can leave a server', async () => {
    const guild = discord.guild({ owner: discord.person({ username: 'ada' }) });
    guild.install(app);
    expect((await bot('GET', '/users/@me/guilds')).body).toMatchObject([{ id: guild.id }]);
    expect((await bot('GET', `/guilds/${guild.id}/members`)).body.code).toBe(50001);
    expect((await bot('GET', `/guilds/${guild.id}/members/${app.id}`)).body).toMatchObject({ user: { id: app.id } });
    expect((await bot('GET', `/guilds/${guild.id}/roles`)).body).toHaveLength(2);
    expect((await bot('DELETE', `/users/@me/guilds/${guild.id}`)).status).toBe(204);
    expect((await bot('GET', `/guilds/${guild.id}`)).body.code).toBe(10004);
  });
});
