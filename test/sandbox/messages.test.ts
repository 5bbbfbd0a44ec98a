import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { adjustableClock } from '../../src/sandbox/clock.js';
import { type Discord, type SandboxApplication, startDiscord } from '../../src/sandbox/discord.js';
import type { SandboxChannel, SandboxGuild } from '../../src/sandbox/guild.js';
import type { Person } from '../../src/sandbox/people.js';
import { api } from './raw.js';

const clock = adjustableClock();
let discord: Discord;
let app: SandboxApplication;
let ada: Person;
let bob: Person;
let guild: SandboxGuild;
let general: SandboxChannel;
let bot: ReturnType<typeof api>;
let at: string;

beforeAll(async () => {
  discord = await startDiscord({ limits: false, clock });
});
afterAll(() => discord.close());
beforeEach(() => {
  app = discord.application();
  ada = discord.person({ username: 'ada' });
  bob = discord.person({ username: 'bob' });
  guild = discord.guild({ owner: ada, members: [bob] });
  general = guild.channel('general');
  guild.install(app);
  bot = api(discord, `Bot ${app.token}`);
  at = `/channels/${general.id}/messages`;
});

/** Sends the bot's token with a body that no library would make. */
const sendRaw = (headers: Readonly<Record<string, string>>, body: string) =>
  fetch(`${discord.url}/v10${at}`, {
    method: 'POST',
    headers: { authorization: `Bot ${app.token}`, ...headers },
    body,
  });

const say = (content: string, more = {}) => bot('POST', at, { content, ...more });

describe('who is let in', () => {
  test.each([undefined, 'Bot nonsense', 'nonsense'])('the token %s is answered 401', async (token) => {
    expect(await api(discord, token)('GET', '/users/@me')).toMatchObject({
      status: 401,
      body: { code: 0, message: '401: Unauthorized' },
    });
  });

  test('a bot’s token without Bot, and a person’s with it, are answered 401', async () => {
    expect((await api(discord, app.token)('GET', '/users/@me')).status).toBe(401);
    expect((await api(discord, `Bot ${ada.token}`)('GET', '/users/@me')).status).toBe(401);
    expect((await api(discord, ada.token)('GET', '/users/@me')).body).toMatchObject({ id: ada.id });
  });

  test('a route that Discord has not is 404, one that only the sandbox lacks is 501', async () => {
    expect(await bot('GET', '/nonsense')).toMatchObject({ status: 404, body: { code: 0 } });
    expect(await bot('GET', `/guilds/${guild.id}/audit-logs`)).toMatchObject({ status: 501 });
  });

  test('each of these is a call all the same, and so is one that is no JSON', async () => {
    await bot('GET', '/nonsense');
    await bot('GET', `/guilds/${guild.id}/audit-logs`);
    await sendRaw({ 'content-type': 'application/json' }, '{');
    expect(app.calls().map(({ route, status, code }) => [route, status, code])).toEqual([
      ['/nonsense', 404, 0],
      [`/guilds/${guild.id}/audit-logs`, 501, 0],
      ['/channels/:channel_id/messages', 400, 50109],
    ]);
  });

  test('another host name is refused', async () => {
    const { port } = new URL(discord.url);
    const { request } = await import('node:http');
    const status = await new Promise((resolve) =>
      request(
        { port, host: '127.0.0.1', path: '/api/v10/gateway', headers: { host: 'evil.example' } },
        ({ statusCode }) => resolve(statusCode),
      ).end(),
    );
    expect(status).toBe(403);
  });
});

describe('a text', () => {
  test('may have 2,000 characters, counted as code points', async () => {
    expect((await say('😀'.repeat(2000))).status).toBe(200);
    expect((await say('x'.repeat(2001))).body).toEqual({
      message: 'Invalid Form Body',
      code: 50035,
      errors: { content: { _errors: [{ code: 'BASE_TYPE_MAX_LENGTH', message: 'Must be 2000 or fewer in length.' }] } },
    });
  });

  test('loses its outer white space, and nothing else', async () => {
    expect((await say('\u00a0\n  two\n words \u3000\t')).body.content).toBe('two\n words');
    expect((await say('\u200b \ufeff')).body.content).toBe('\u200b \ufeff');
  });

  test.each(['', ' \n\t ', '\u00a0\u2003'])('of %j alone is 50006', async (content) => {
    expect((await say(content)).body).toEqual({ message: 'Cannot send an empty message', code: 50006 });
  });

  test('comes back as it was sent', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }), async (text) => {
        const { status, body } = await say(`[${text}]`);
        expect(status).toBe(200);
        expect(body.content).toBe(`[${text}]`);
      }),
      { numRuns: 40 },
    );
  });

  test('is checked against the published schema', async () => {
    expect(
      (await say('x', { embeds: [{ title: 'x'.repeat(257) }, { color: -1 }], nonce: 'x'.repeat(26) })).body.errors,
    ).toEqual({
      embeds: {
        0: { title: { _errors: [{ code: 'BASE_TYPE_MAX_LENGTH', message: 'Must be 256 or fewer in length.' }] } },
        1: { color: { _errors: [{ code: 'NUMBER_TYPE_MIN', message: expect.any(String) }] } },
      },
      nonce: { _errors: [{ code: 'BASE_TYPE_MAX_LENGTH', message: expect.any(String) }] },
    });
    expect((await say('x', { message_reference: {} })).body.errors.message_reference.message_id._errors[0].code).toBe(
      'BASE_TYPE_REQUIRED',
    );
    expect((await say('x', { message_reference: 5 })).body.errors.message_reference._errors[0].code).toBe(
      'MODEL_TYPE_CONVERT',
    );
    const button = { type: 2, style: 1, label: 'x'.repeat(81), custom_id: 'x' };
    expect((await say('x', { components: [{ type: 1, components: [button] }] })).body.errors).toHaveProperty(
      'components.0.components.0.label',
    );
    expect((await say('x', { components: [{ type: 99 }] })).body.errors.components[0].type._errors[0].code).toBe(
      'UNION_TYPE_CHOICES',
    );
    expect(await bot('POST', at, new FormData())).toMatchObject({ body: { code: 50006 } });
  });
});

describe('embeds', () => {
  test('may have 6,000 characters together, and must have something in them', async () => {
    const part = { description: 'x'.repeat(4096) };
    expect((await say('', { embeds: [part, { description: 'x'.repeat(1904) }] })).body.embeds).toMatchObject([
      { type: 'rich' },
      { type: 'rich' },
    ]);
    expect(
      (await say('', { embeds: [part, { description: 'x'.repeat(1905) }] })).body.errors.embeds._errors[0].code,
    ).toBe('MAX_EMBED_SIZE_EXCEEDED');
    expect((await say('', { embeds: [{}] })).body.code).toBe(50035);
  });
});

describe('files', () => {
  const form = (files: readonly [name: string, bytes: number][], payload: object = {}) => {
    const data = new FormData();
    data.append('payload_json', JSON.stringify(payload));
    for (const [index, [name, bytes]] of files.entries())
      data.append(`files[${index}]`, new Blob([new Uint8Array(bytes)]), name);
    return data;
  };

  test('are served at a signed address that expires', async () => {
    const payload = { attachments: [{ id: 0, description: 'a note' }] };
    const { body } = await bot('POST', at, form([['my file.txt', 3]], payload));
    expect(body.attachments).toMatchObject([{ filename: 'my_file.txt', size: 3, description: 'a note' }]);
    const { url } = body.attachments[0];
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(url.replace(/hm=../, 'hm=00'))).status).toBe(404);
    clock.advance(25 * 3_600_000);
    expect((await fetch(url)).status).toBe(404);
  });

  test('of more than 10 MiB are 40005, more than ten are 50035', async () => {
    const limit = 10 * 1024 * 1024;
    expect((await bot('POST', at, form([['full', limit]]))).status).toBe(200);
    expect(await bot('POST', at, form([['fuller', limit + 1]]))).toMatchObject({ status: 413, body: { code: 40005 } });
    expect((await bot('POST', at, form(Array.from({ length: 11 }, () => ['x', 1])))).body.code).toBe(50035);
  });

  test('that are twelve or more are refused before they are read', async () => {
    expect((await bot('POST', at, form(Array.from({ length: 12 }, () => ['x', 1])))).body.code).toBe(50035);
  });

  test('whose name has no letter that Discord keeps can still be fetched', async () => {
    const { body } = await bot('POST', at, form([['💥', 3]]));
    expect(body.attachments[0].filename).not.toBe('');
    expect((await fetch(body.attachments[0].url)).status).toBe(200);
  });

  test('that an edit does not list are taken away', async () => {
    const { body } = await bot(
      'POST',
      at,
      form(
        [
          ['one', 1],
          ['two', 1],
        ],
        { content: 'x' },
      ),
    );
    const [one] = body.attachments;
    const edited = await bot(
      'PATCH',
      `${at}/${body.id}`,
      form([['three', 1]], { attachments: [{ id: one.id }, { id: '0' }] }),
    );
    expect(edited.body.attachments.map(({ filename }: { filename: string }) => filename)).toEqual(['one', 'three']);
    expect((await bot('PATCH', `${at}/${body.id}`, { attachments: [{ id: '77' }] })).body.code).toBe(50035);
  });

  test.each([
    ['without a boundary', 'multipart/form-data', 'hello'],
    ['that is none', 'multipart/form-data; boundary=x', 'hello'],
    ['that breaks off', 'multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb'],
    ['of another content type', 'application/xml', '<content>hello</content>'],
  ])('a form %s is 50035', async (_what, type, body) => {
    const answer = await sendRaw({ 'content-type': type }, body);
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: 50035 }]);
    expect(discord.texts(ada, general)).toEqual([]);
  });

  test('a form whose payload is no JSON is 50109', async () => {
    const data = new FormData();
    data.append('payload_json', '{');
    expect(await bot('POST', at, data)).toMatchObject({ status: 400, body: { code: 50109 } });
  });
});

describe('mentions', () => {
  const mentioned = ({ body }: Awaited<ReturnType<typeof say>>) => body.mentions.map(({ id }: { id: string }) => id);

  test('list and notify those whom allowed_mentions lets through', async () => {
    const text = `${ada.mention} ${bob.mention}`;
    expect(mentioned(await say(text))).toEqual([ada.id, bob.id]);
    expect(mentioned(await say(text, { allowed_mentions: { parse: [] } }))).toEqual([]);
    expect(mentioned(await say(text, { allowed_mentions: { users: [bob.id] } }))).toEqual([bob.id]);
    expect(discord.notified(ada)).toHaveLength(1);
    expect(discord.notified(bob)).toHaveLength(2);
  });

  test('parse and a list of the same kind exclude each other', async () => {
    const { body } = await say('x', { allowed_mentions: { parse: ['users'], users: [ada.id] } });
    expect(body.errors.allowed_mentions._errors[0].code).toBe('MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE');
    expect((await say('x', { allowed_mentions: { parse: ['users'], users: [] } })).status).toBe(200);
  });

  test('in code are none', async () => {
    expect(mentioned(await say(`\`${ada.mention}\` \`\`\`\n${bob.mention}\n\`\`\``))).toEqual([]);
    expect(mentioned(await say(`\`\`${ada.mention}\`\` and \`\` \` ${bob.mention}\`\``))).toEqual([]);
  });

  test('in a code block that is still open are some, and code between two halves makes none', async () => {
    expect(mentioned(await say(`\`\`\`\n${ada.mention}`))).toEqual([ada.id]);
    expect(mentioned(await say(`<@\`x\`${ada.id}>`))).toEqual([]);
  });

  test('of everybody and of roles need the permission, unless the role is for all', async () => {
    const [closed, open] = [guild.role('closed'), guild.role('open', [], true)];
    guild.grant(bob, open);
    const text = `@everyone ${closed.mention} ${open.mention}`;
    guild.allow(guild, ['ViewChannel', 'SendMessages', 'ReadMessageHistory']);
    expect((await say(text)).body).toMatchObject({ mention_everyone: false, mention_roles: [open.id] });
    expect([discord.notified(ada).length, discord.notified(bob).length]).toEqual([0, 1]);
    guild.grant(app, guild.role('crier', ['MentionEveryone']));
    expect((await say(text)).body).toMatchObject({ mention_everyone: true, mention_roles: [closed.id, open.id] });
    expect((await say(text, { allowed_mentions: { parse: [] } })).body).toMatchObject({
      mention_everyone: false,
      mention_roles: [],
    });
    expect([discord.notified(ada).length, discord.notified(bob).length]).toEqual([1, 2]);
  });

  test('of a reply are its author’s, if it pings', async () => {
    const question = await ada.says(general, 'hello');
    const reply = (allowed_mentions?: object) =>
      say('hi', { message_reference: { message_id: question.id }, ...(allowed_mentions && { allowed_mentions }) });
    expect(mentioned(await reply())).toEqual([ada.id]);
    expect(mentioned(await reply({ parse: [] }))).toEqual([]);
    expect(mentioned(await reply({ parse: [], replied_user: true }))).toEqual([ada.id]);
    const answer = await bob.says(general, 'me too', { replyTo: question, ping: false });
    expect(answer.mentions).toEqual([]);
  });

  test('are read anew when a text changes, and then with all that is allowed', async () => {
    const { body } = await say(ada.mention, { allowed_mentions: { parse: [] } });
    expect(
      mentioned(
        await bot('PATCH', `${at}/${body.id}`, { content: `${ada.mention}!`, allowed_mentions: { parse: [] } }),
      ),
    ).toEqual([]);
    expect(mentioned(await bot('PATCH', `${at}/${body.id}`, { content: `${ada.mention}!!` }))).toEqual([ada.id]);
  });
});

describe('replies', () => {
  test('show what they reply to, one level deep', async () => {
    const first = await ada.says(general, 'one');
    const second = await ada.says(general, 'two', { replyTo: first });
    const third = await ada.says(general, 'three', { replyTo: second });
    expect(third).toMatchObject({
      type: 19,
      message_reference: { message_id: second.id },
      referenced_message: { content: 'two' },
    });
    expect(third.referenced_message).not.toHaveProperty('referenced_message');
    await ada.deletes(second);
    expect((await bot('GET', `${at}/${third.id}`)).body.referenced_message).toBeNull();
  });

  test('to what is gone are 50035, or plain messages if they may be', async () => {
    const reference = { message_id: '1', fail_if_not_exists: false };
    expect(
      (await say('x', { message_reference: { message_id: '1' } })).body.errors.message_reference._errors[0].code,
    ).toBe('MESSAGE_REFERENCE_UNKNOWN_MESSAGE');
    expect((await say('x', { message_reference: reference })).body).toMatchObject({ type: 0 });
  });

  test('go to what people and apps said and to greetings, in the same channel', async () => {
    const carl = discord.person({ username: 'carl' });
    guild.join(carl);
    await ada.opensThread(general, 'aside');
    const [greeting, announced] = discord.sees(ada, general);
    const reply = (message_id = '', more = {}) => say('hi', { message_reference: { message_id, ...more } });
    expect([greeting?.type, announced?.type]).toEqual([7, 18]);
    expect((await reply(greeting?.id)).status).toBe(200);
    expect((await reply(announced?.id)).body.errors.message_reference._errors[0].code).toBe(
      'REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE',
    );
    const elsewhere = guild.channel('elsewhere');
    const { id } = await ada.says(elsewhere, 'over here');
    const { body } = await reply(id, { channel_id: elsewhere.id });
    expect(body.errors.message_reference._errors[0].code).toBe('REPLIES_CANNOT_REFERENCE_OTHER_CHANNEL');
  });

  test('need to see the history', async () => {
    const question = await ada.says(general, 'hello');
    general.overwrite(app, [], ['ReadMessageHistory']);
    expect((await say('x', { message_reference: { message_id: question.id } })).body.code).toBe(160002);
    expect((await bot('GET', at)).body).toEqual([]);
    expect((await bot('GET', `${at}/${question.id}`)).body.code).toBe(50001);
  });
});

describe('a nonce', () => {
  test('that is enforced gives its author the first message back for a few minutes, in any channel', async () => {
    const more = { nonce: 'n', enforce_nonce: true };
    const first = await say('one', more);
    const again = await say('two', more);
    expect(again.body).toMatchObject({ id: first.body.id, content: 'one', nonce: 'n' });
    const elsewhere = `/channels/${guild.channel('elsewhere').id}/messages`;
    expect((await bot('POST', elsewhere, { content: 'x', ...more })).body.id).toBe(first.body.id);
    await ada.call('POST', at, { content: 'mine', ...more });
    expect(discord.texts(ada, general)).toEqual(['one', 'mine']);
    clock.advance(6 * 60_000);
    expect((await say('three', more)).body.content).toBe('three');
  });

  test('of a message that was deleted makes a new one', async () => {
    const more = { nonce: 'n', enforce_nonce: true };
    const { body } = await say('one', more);
    await bot('DELETE', `${at}/${body.id}`);
    expect((await say('two', more)).body.content).toBe('two');
  });

  test('of a message that was deleted keeps no other nonce longer', async () => {
    const once = (nonce: string, content: string) => say(content, { nonce, enforce_nonce: true });
    const { body } = await once('a', 'one');
    await once('b', 'two');
    await bot('DELETE', `${at}/${body.id}`);
    clock.advance(4 * 60_000);
    await once('a', 'three');
    clock.advance(2 * 60_000);
    expect((await once('b', 'four')).body.content).toBe('four');
    expect((await once('a', 'five')).body.content).toBe('three');
  });

  test('is lost once the message is read again, or changed', async () => {
    const { body } = await say('one', { nonce: 'n' });
    expect(body.nonce).toBe('n');
    expect((await bot('GET', `${at}/${body.id}`)).body).not.toHaveProperty('nonce');
    expect((await bot('GET', at)).body[0]).not.toHaveProperty('nonce');
    expect((await bot('PATCH', `${at}/${body.id}`, { content: 'x' })).body).not.toHaveProperty('nonce');
  });

  test('that is not enforced is only given back', async () => {
    await say('one', { nonce: 'n' });
    await say('two', { nonce: 'n' });
    expect(discord.texts(ada, general)).toEqual(['one', 'two']);
  });
});

describe('edits', () => {
  test('leave alone what they do not name, and are remembered', async () => {
    const { body } = await say('one', { embeds: [{ title: 't' }] });
    const edited = await bot('PATCH', `${at}/${body.id}`, { content: 'two' });
    expect(edited.body).toMatchObject({
      content: 'two',
      embeds: [{ title: 't' }],
      edited_timestamp: expect.any(String),
    });
    expect(discord.edits(body).map(({ content }) => content)).toEqual(['one', 'two']);
    expect((await bot('PATCH', `${at}/${body.id}`, { content: '', embeds: [] })).body.code).toBe(50006);
  });

  test('are for the author; others may hide embeds, if they manage messages', async () => {
    const message = await bob.says(general, 'mine');
    expect((await bot('PATCH', `${at}/${message.id}`, { content: 'yours' })).body.code).toBe(50005);
    expect((await bot('PATCH', `${at}/${message.id}`, { flags: 4 })).body.code).toBe(50013);
    expect(await ada.call('PATCH', `${at}/${message.id}`, { flags: 4 })).toMatchObject({ flags: 4 });
  });

  test('are not for what Discord itself said in somebody’s name', async () => {
    const carl = discord.person({ username: 'carl' });
    guild.join(carl);
    const [greeting] = discord.sees(ada, general);
    if (greeting === undefined) throw new Error('Nobody was greeted');
    await expect(carl.edits(greeting, 'hi')).rejects.toMatchObject({ code: 50021 });
  });

  test('of messages older than an hour are few', async () => {
    const { body } = await say('old');
    clock.advance(61 * 60_000);
    const statuses: number[] = [];
    for (const content of ['a', 'b', 'c', 'd'])
      statuses.push((await bot('PATCH', `${at}/${body.id}`, { content })).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect((await bot('PATCH', `${at}/${body.id}`, { content: 'e' })).body.code).toBe(30046);
  });
});

describe('deleting', () => {
  test('others’ messages needs the permission to manage them', async () => {
    const message = await bob.says(general, 'mine');
    expect((await bot('DELETE', `${at}/${message.id}`)).body.code).toBe(50013);
    await ada.deletes(message);
    expect((await bot('DELETE', `${at}/${message.id}`)).body.code).toBe(10008);
    expect((await bot('GET', '/channels/1')).body.code).toBe(10003);
  });

  test('in bulk takes 2 to 100 messages, none of them older than two weeks', async () => {
    const messages = [await bob.says(general, 'one'), await bob.says(general, 'two')];
    await expect(ada.clears(general, messages.slice(1))).rejects.toMatchObject({ code: 50016 });
    await expect(bob.clears(general, messages)).rejects.toMatchObject({ code: 50013 });
    const one = messages.slice(0, 1);
    await expect(ada.clears(general, [...one, ...one])).rejects.toMatchObject({ code: 50016 });
    await expect(ada.clears(general, [{ id: 'x' }, { id: 'y' }])).rejects.toMatchObject({ code: 50035 });
    await ada.clears(general, [...messages, ...one]);
    expect(discord.texts(ada, general)).toEqual([]);
    const old = [await bob.says(general, 'one'), await bob.says(general, 'two')];
    clock.advance(15 * 24 * 3_600_000);
    await expect(ada.clears(general, old)).rejects.toMatchObject({ code: 50034 });
  });
});

describe('history', () => {
  test('comes newest first, before, after or around a message', async () => {
    const ids: string[] = [];
    for (const text of ['0', '1', '2', '3', '4', '5']) ids.push((await ada.says(general, `${app.mention} ${text}`)).id);
    const page = async (query: string) =>
      (await bot('GET', `${at}?${query}`)).body
        .map(({ content }: { content: string }) => content.split(' ')[1])
        .join('');
    expect(await page('')).toBe('543210');
    expect(await page('limit=2')).toBe('54');
    expect(await page(`before=${ids[2]}`)).toBe('10');
    expect(await page(`after=${ids[2]}&limit=2`)).toBe('43');
    expect(await page(`after=${ids[5]}`)).toBe('');
    expect(await page('after=0&limit=3')).toBe('210');
    expect(await page(`around=${ids[3]}&limit=3`)).toBe('432');
    expect(await page(`around=${ids[3]}&limit=2`)).toBe('432');
    expect(await page(`around=${ids[3]}&limit=1`)).toBe('3');
    expect(await page(`around=${ids[0]}&limit=4`)).toBe('210');
    await ada.call('DELETE', `${at}/${ids[2]}`);
    expect([await page(`after=${ids[2]}`), await page(`around=${ids[2]}&limit=2`)]).toEqual(['543', '31']);
  });

  test.each(['0', '101', '-1', '1.5', 'x'])('a page of %s messages is 50035', async (limit) => {
    expect((await bot('GET', `${at}?limit=${limit}`)).body.errors).toHaveProperty('limit');
  });

  test('names no members and no server, and withholds content as events do', async () => {
    const [plain, mention] = [await ada.says(general, 'plain'), await ada.says(general, `${app.mention} hello`)];
    const { body } = await bot('GET', at);
    expect(body).toMatchObject([
      { id: mention.id, content: `${app.mention} hello` },
      { id: plain.id, content: '' },
    ]);
    for (const field of ['member', 'guild_id', 'nonce']) expect(body[0]).not.toHaveProperty(field);
    expect(body[0].mentions[0]).not.toHaveProperty('member');
    app.switchMessageContent('on');
    expect((await bot('GET', at)).body[1].content).toBe('plain');
  });

  test('of an unseen channel is 50001, of none 10003', async () => {
    general.overwrite(app, [], ['ViewChannel']);
    expect((await bot('GET', at)).body.code).toBe(50001);
    expect((await bot('GET', '/channels/1/messages')).body.code).toBe(10003);
  });

  test.each(['before', 'after', 'around'])('%s what is no id is 50035', async (field) => {
    await ada.says(general, 'x');
    expect((await bot('GET', `${at}?${field}=constructor`)).body.errors[field]._errors[0].code).toBe(
      'NUMBER_TYPE_COERCE',
    );
  });
});

describe('permissions', () => {
  test.each([
    [50001, 'ViewChannel'],
    [50013, 'SendMessages'],
  ] as const)('%i without %s', async (code, permission) => {
    general.overwrite(app, [], [permission]);
    expect(await say('x')).toMatchObject({ status: 403, body: { code } });
    expect((await bot('POST', `/channels/${general.id}/typing`)).body.code).toBe(code);
  });

  test('files and embeds have permissions of their own', async () => {
    general.overwrite(app, [], ['AttachFiles', 'EmbedLinks']);
    const data = new FormData();
    data.append('files[0]', new Blob(['x']), 'x');
    expect((await bot('POST', at, data)).body.code).toBe(50013);
    expect((await say('', { embeds: [{ title: 'x' }] })).body.code).toBe(50013);
    expect((await say('x')).status).toBe(200);
  });

  test('slow mode holds people back, and no bot', async () => {
    general.slowDown(30);
    await bob.says(general, 'one');
    await expect(bob.says(general, 'two')).rejects.toMatchObject({ status: 429, code: 20016 });
    await ada.says(general, 'one');
    await ada.says(general, 'two');
    await say('one');
    expect((await say('two')).status).toBe(200);
    clock.advance(31_000);
    await bob.says(general, 'two');
  });
});

describe('direct messages', () => {
  test('are opened once, and read with their content', async () => {
    const talk = await ada.directs(app);
    expect((await ada.directs(app)).id).toBe(talk.id);
    const { body } = await bot('POST', '/users/@me/channels', { recipient_id: ada.id });
    expect(body).toMatchObject({ id: talk.id, type: 1, recipients: [{ id: ada.id }] });
    const message = await ada.says(talk, 'psst');
    expect((await bot('GET', `/channels/${talk.id}/messages/${message.id}`)).body.content).toBe('psst');
    await expect(bob.says(talk, 'me too')).rejects.toMatchObject({ code: 50001 });
  });

  test('are for two, of whom one is a person, and have neither threads nor moderators', async () => {
    const other = discord.application();
    await expect(ada.directs(ada)).rejects.toMatchObject({ code: 50033 });
    expect((await bot('POST', '/users/@me/channels', { recipient_id: other.id })).body.code).toBe(50007);
    const talk = await ada.directs(app);
    const [one, two] = [await ada.says(talk, 'one'), await ada.says(talk, 'two')];
    await expect(ada.opensThread(talk, 'aside')).rejects.toMatchObject({ code: 50003 });
    await expect(ada.clears(talk, [one, two])).rejects.toMatchObject({ code: 50003 });
    expect((await bot('DELETE', `/channels/${talk.id}/messages/${one.id}`)).body.code).toBe(50003);
  });

  test('to who has closed them, and to strangers, are 50007', async () => {
    const talkTo = async (person: Person) =>
      (await bot('POST', '/users/@me/channels', { recipient_id: person.id })).body.id;
    const cora = discord.person({ username: 'cora' });
    ada.closesMessages();
    for (const person of [ada, cora]) {
      expect((await bot('POST', `/channels/${await talkTo(person)}/messages`, { content: 'x' })).body.code).toBe(50007);
    }
    cora.installs(app);
    expect((await bot('POST', `/channels/${await talkTo(cora)}/messages`, { content: 'x' })).status).toBe(200);
  });
});

describe('reactions', () => {
  test('are counted, and taken back', async () => {
    const message = await ada.says(general, 'hello');
    await ada.reacts(message, '👍');
    const path = `${at}/${message.id}/reactions/${encodeURIComponent('👍')}`;
    expect((await bot('PUT', `${path}/@me`)).status).toBe(204);
    expect((await bot('GET', `${at}/${message.id}`)).body.reactions).toMatchObject([
      { count: 2, me: true, emoji: { name: '👍' } },
    ]);
    expect((await bot('GET', path)).body).toMatchObject([{ id: ada.id }, { id: app.id }]);
    expect((await bot('DELETE', `${path}/${ada.id}`)).body.code).toBe(50013);
    expect((await bot('DELETE', `${path}/@me`)).status).toBe(204);
    expect((await bot('GET', path)).body).toMatchObject([{ id: ada.id }]);
  });

  test('need the history, and for the first of a kind to add reactions', async () => {
    const message = await ada.says(general, 'hello');
    await ada.reacts(message, '👍');
    const put = (emoji: string) => bot('PUT', `${at}/${message.id}/reactions/${encodeURIComponent(emoji)}/@me`);
    general.overwrite(app, [], ['AddReactions']);
    expect((await put('👀')).body.code).toBe(50013);
    expect((await put('👍')).status).toBe(204);
    general.overwrite(app, [], ['ReadMessageHistory']);
    expect((await put('👍')).body.code).toBe(50013);
    expect((await put('nonsense')).status).toBeGreaterThanOrEqual(400);
  });

  test('are of twenty kinds at most, and not for archived threads', async () => {
    const message = await ada.says(general, 'hello');
    const faces = Array.from({ length: 21 }, (_, index) => String.fromCodePoint(0x1f600 + index));
    for (const face of faces.slice(0, 20)) await ada.reacts(message, face);
    await expect(ada.reacts(message, faces[20] ?? '')).rejects.toMatchObject({ code: 30010 });
    const thread = await ada.opensThread(general, 'aside');
    const inside = await ada.says(thread, 'hello');
    await ada.archives(thread);
    await expect(ada.reacts(inside, '👍')).rejects.toMatchObject({ code: 50083 });
  });

  test('of no emoji are 10014', async () => {
    const message = await ada.says(general, 'hello');
    await expect(ada.reacts(message, 'x')).rejects.toMatchObject({ code: 10014 });
  });
});

describe('threads', () => {
  test('opened from a message have its id, once', async () => {
    const message = await ada.says(general, 'hello');
    const thread = await ada.opensThread(general, 'aside', message);
    expect(thread.id).toBe(message.id);
    await expect(ada.opensThread(general, 'again', message)).rejects.toMatchObject({ code: 160004 });
    expect((await bot('POST', `/channels/${thread.id}/messages`, { content: 'in here' })).status).toBe(200);
    expect((await bot('GET', `${at}/${message.id}`)).body.thread).toMatchObject({ id: thread.id, name: 'aside' });
  });

  test('are opened in channels, not in threads', async () => {
    const thread = await ada.opensThread(general, 'aside');
    await expect(ada.opensThread(thread, 'deeper')).rejects.toMatchObject({ code: 50024 });
  });

  test('need a permission of their own to write in', async () => {
    const thread = await ada.opensThread(general, 'aside');
    general.overwrite(app, [], ['SendMessages']);
    expect((await bot('POST', `/channels/${thread.id}/messages`, { content: 'x' })).status).toBe(200);
    general.overwrite(app, ['SendMessages'], ['SendMessagesInThreads']);
    expect((await bot('POST', `/channels/${thread.id}/messages`, { content: 'x' })).body.code).toBe(50013);
  });

  test('that are private are seen by who is in them, and mentioning somebody brings them in', async () => {
    const { body: thread } = await api(discord, ada.token)('POST', `/channels/${general.id}/threads`, {
      name: 'closed',
      type: 12,
    });
    const read = () => bot('GET', `/channels/${thread.id}/messages`);
    expect((await read()).body.code).toBe(50001);
    await ada.says(thread, `${app.mention} come in`);
    expect((await read()).body).toMatchObject([{ content: `${app.mention} come in` }]);
    await expect(bob.says(thread, 'me too')).rejects.toMatchObject({ code: 50001 });
  });

  test('that are archived take no edits, and come back with a message', async () => {
    const thread = await ada.opensThread(general, 'aside');
    const { body } = await bot('POST', `/channels/${thread.id}/messages`, { content: 'x' });
    await ada.archives(thread);
    expect((await bot('PATCH', `/channels/${thread.id}/messages/${body.id}`, { content: 'y' })).body.code).toBe(50083);
    await ada.says(thread, 'wake up');
    expect((await bot('PATCH', `/channels/${thread.id}/messages/${body.id}`, { content: 'y' })).status).toBe(200);
  });
});

test('a locked thread takes messages and edits from those alone who manage threads', async () => {
  const thread = await ada.opensThread(general, 'aside');
  const messages = `/channels/${thread.id}/messages`;
  const { body } = await bot('POST', messages, { content: 'x' });
  await ada.locks(thread);
  expect((await bot('POST', messages, { content: 'y' })).body.code).toBe(160005);
  expect((await bot('PATCH', `${messages}/${body.id}`, { content: 'y' })).body.code).toBe(160005);
  await ada.says(thread, 'mine');
  const own = await bob.opensThread(general, 'own');
  await ada.call('PATCH', `/channels/${own.id}`, { locked: true, archived: true });
  await expect(bob.unarchives(own)).rejects.toMatchObject({ code: 50013 });
  await expect(bob.says(own, 'x')).rejects.toMatchObject({ code: 50083 });
});

describe('content is withheld from an app without the intent', () => {
  test('except where it is mentioned, each quoted message judged by itself', async () => {
    const plain = await ada.says(general, 'plain');
    const mention = await ada.says(general, `${app.mention} hello`, { replyTo: plain });
    const byRole = await ada.says(general, `${guild.roleOf(app).mention} hello`);
    const read = async (id: string) => (await bot('GET', `${at}/${id}`)).body;
    expect(await read(plain.id)).toMatchObject({ content: '' });
    expect(await read(mention.id)).toMatchObject({
      content: `${app.mention} hello`,
      referenced_message: { content: '' },
    });
    expect(await read(byRole.id)).toMatchObject({ content: '' });
    const { body: own } = await say('own');
    expect(await read((await ada.says(general, 'and?', { replyTo: own, ping: false })).id)).toMatchObject({
      content: '',
      referenced_message: { content: 'own' },
    });
    expect(await read((await ada.says(general, 'and?', { replyTo: own })).id)).toMatchObject({ content: 'and?' });
    app.switchMessageContent('limited');
    expect(await read(plain.id)).toMatchObject({ content: 'plain' });
  });

  test('files and embeds go with the text', async () => {
    const message = await ada.says(general, 'see', { files: [{ name: 'a.txt', content: 'hi' }] });
    expect((await bot('GET', `${at}/${message.id}`)).body).toMatchObject({ content: '', attachments: [] });
    expect(message.attachments).toMatchObject([{ filename: 'a.txt' }]);
  });
});
