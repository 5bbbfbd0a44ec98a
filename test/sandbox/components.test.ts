import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { adjustableClock } from '../../src/sandbox/clock.js';
import { type Discord, type SandboxApplication, startDiscord } from '../../src/sandbox/discord.js';
import type { SandboxChannel } from '../../src/sandbox/guild.js';
import type { Person } from '../../src/sandbox/people.js';
import type { Use } from '../../src/sandbox/use.js';
import { api, connect } from './raw.js';

const clock = adjustableClock();
let discord: Discord;
let app: SandboxApplication;
let ada: Person;
let bob: Person;
let general: SandboxChannel;
let bot: ReturnType<typeof api>;
let client: Awaited<ReturnType<typeof connect>>;

beforeAll(async () => {
  discord = await startDiscord({ limits: false, clock });
});
afterAll(() => discord.close());
beforeEach(async () => {
  app = discord.application();
  ada = discord.person({ username: 'ada' });
  bob = discord.person({ username: 'bob' });
  const guild = discord.guild({ owner: ada, members: [bob] });
  general = guild.channel('general');
  guild.install(app);
  bot = api(discord, `Bot ${app.token}`);
  await bot('PUT', `/applications/${app.id}/commands`, [{ name: 'ask', description: 'Ask.' }]);
  client = await connect(discord);
  client.identify(app.token, 0);
  await client.got('READY');
});

const button = (more: object = {}) => ({ type: 2, style: 1, custom_id: 'again', label: 'Ask again', ...more });
const row = (...components: object[]) => ({ type: 1, components });
const post = (...components: object[]) =>
  bot('POST', `/channels/${general.id}/messages`, { content: 'Not finished.', components });

interface Received {
  readonly id: string;
  readonly token: string;
  readonly data: object;
  readonly message: object;
}

/** What the app gets of a use, and how it answers. */
async function answering(use: Use) {
  const find = () =>
    client.received.find(({ t, d }) => t === 'INTERACTION_CREATE' && (d as Received).id === use.id)?.d as Received;
  await expect.poll(find).toBeDefined();
  const interaction = find();
  const { id, token } = interaction;
  return {
    interaction,
    respond: (type: number, data?: object) =>
      api(discord)('POST', `/interactions/${id}/${token}/callback`, { type, ...(data && { data }) }),
    edit: (body: object) => api(discord)('PATCH', `/webhooks/${app.id}/${token}/messages/@original`, body),
    followUp: (body: object) => api(discord)('POST', `/webhooks/${app.id}/${token}`, body),
  };
}

describe('a message with components', () => {
  test('keeps them, numbered in reading order, until an edit takes them away', async () => {
    const { body } = await post(row(button(), button({ custom_id: 'stop', style: 4, disabled: true })));
    expect(body.components).toEqual([
      {
        id: 1,
        type: 1,
        components: [
          { id: 2, type: 2, style: 1, custom_id: 'again', label: 'Ask again' },
          { id: 3, type: 2, style: 4, custom_id: 'stop', label: 'Ask again', disabled: true },
        ],
      },
    ]);
    const path = `/channels/${general.id}/messages/${body.id}`;
    expect((await bot('PATCH', path, { content: 'x' })).body.components).toHaveLength(1);
    expect((await bot('PATCH', path, { components: [] })).body.components).toEqual([]);
  });

  const five = Array.from({ length: 5 }, (_, index) => button({ custom_id: `${index}` }));
  test.each([
    ['six rows', Array.from({ length: 6 }, (_, index) => row(button({ custom_id: `${index}` }))), 'components'],
    ['six buttons in a row', [row(...five, button())], 'components.0.components'],
    ['an empty row', [row()], 'components.0.components'],
    ['a button without a row', [button()], 'components.0'],
    ['one id twice', [row(button()), row(button({ disabled: true }))], 'components.1.components.0.custom_id'],
    ['an id of 101 characters', [row(button({ custom_id: 'x'.repeat(101) }))], 'components.0.components.0.custom_id'],
    ['a label of 81 characters', [row(button({ label: 'x'.repeat(81) }))], 'components.0.components.0.label'],
    ['neither label nor emoji', [row(button({ label: undefined }))], 'components.0.components.0.label'],
    ['no id', [row(button({ custom_id: undefined }))], 'components.0.components.0.custom_id'],
    ['a link without an address', [row(button({ style: 5, custom_id: undefined }))], 'components.0.components.0.url'],
    ['a link with an id', [row(button({ style: 5, url: 'https://example.com' }))], 'components.0.components.0'],
    ['an unknown style', [row(button({ style: 9 }))], 'components.0.components.0.style'],
  ])('is 50035 with %s', async (_what, components, path) => {
    const { status, body } = await post(...components);
    expect([status, body.code]).toEqual([400, 50035]);
    expect(body.errors).toHaveProperty(path);
  });

  test('may have five rows of five buttons, links and an emoji for a label', async () => {
    const rows = Array.from({ length: 4 }, (_, line) =>
      row(...five.map((one) => ({ ...one, custom_id: `${line} ${one.custom_id}` }))),
    );
    const last = row(
      { type: 2, style: 5, label: 'Read', url: 'https://example.com' },
      button({ label: undefined, emoji: { name: '🔁' } }),
    );
    expect((await post(...rows, last)).status).toBe(200);
  });
});

describe('a press', () => {
  test('is an interaction with the message, for whoever presses', async () => {
    const { body: message } = await post(row(button()));
    const { interaction, respond } = await answering(await bob.presses(message, 'again'));
    expect(interaction).toMatchObject({
      type: 3,
      data: { component_type: 2, custom_id: 'again', id: 2 },
      message: { id: message.id, content: 'Not finished.' },
      member: { user: { id: bob.id } },
      channel_id: general.id,
    });
    expect((await respond(4, { content: 'Asked again.' })).status).toBe(204);
    expect(discord.sees(ada, general).at(-1)).toMatchObject({
      content: 'Asked again.',
      message_reference: { message_id: message.id },
      interaction_metadata: { type: 3, interacted_message_id: message.id, user: { id: bob.id } },
    });
  });

  test('can be thought about (5), with an answer of its own that comes later', async () => {
    const { body: message } = await post(row(button()));
    const use = await bob.presses(message, 'again');
    const { respond, edit } = await answering(use);
    await respond(5, { flags: 64 });
    expect(use).toMatchObject({ state: 'thinking', ephemeral: true });
    await edit({ content: 'Done' });
    expect([discord.texts(bob, general), discord.texts(ada, general)]).toEqual([
      ['Not finished.', 'Done'],
      ['Not finished.'],
    ]);
  });

  test('can be acknowledged (6), and then its message is what is edited', async () => {
    const { body: message } = await post(row(button()));
    const use = await bob.presses(message, 'again');
    const { respond, edit, followUp } = await answering(use);
    await respond(6);
    expect((await respond(7, { content: 'x' })).body.code).toBe(40060);
    expect((await edit({ content: 'Asked again.', components: [] })).body).toMatchObject({
      id: message.id,
      components: [],
    });
    await followUp({ content: 'And more.' });
    expect(use.state).toBe('updated');
    expect(discord.texts(ada, general)).toEqual(['Asked again.', 'And more.']);
  });

  test('can change its message at once (7), which is marked as edited', async () => {
    const { body: message } = await post(row(button()));
    const { respond } = await answering(await ada.presses(message, 'again'));
    expect((await respond(7, { content: 'x'.repeat(2001) })).body.code).toBe(50035);
    expect((await respond(7, { content: 'y', components: [row(button(), button())] })).body.code).toBe(50035);
    expect((await respond(7, { content: 'Asked again.', components: [] })).status).toBe(204);
    const [shown] = discord.sees(bob, general);
    expect(shown).toMatchObject({ content: 'Asked again.', components: [], edited_timestamp: expect.any(String) });
    await expect(ada.presses(message, 'again')).rejects.toMatchObject({ code: 50035 });
  });

  test('has three seconds to be answered, and 15 minutes for the rest', async () => {
    const { body: message } = await post(row(button()));
    const late = await answering(await ada.presses(message, 'again'));
    clock.advance(3_100);
    expect((await late.respond(6)).body.code).toBe(10062);
    const inTime = await answering(await ada.presses(message, 'again'));
    await inTime.respond(6);
    clock.advance(15 * 60_000 + 1_000);
    expect((await inTime.edit({ content: 'x' })).body.code).toBe(50027);
  });

  test('of a disabled or unknown button, or of a message that is gone, is none', async () => {
    const { body: message } = await post(row(button({ disabled: true })));
    await expect(ada.presses(message, 'again')).rejects.toMatchObject({ code: 50035 });
    await expect(ada.presses(message, 'other')).rejects.toMatchObject({ code: 50035 });
    await ada.deletes(message);
    await expect(ada.presses(message, 'again')).rejects.toMatchObject({ code: 10008 });
  });

  test('on a message that is deleted meanwhile cannot change it, and can be answered', async () => {
    const { body: message } = await post(row(button()));
    const { respond } = await answering(await ada.presses(message, 'again'));
    await ada.deletes(message);
    expect((await respond(7, { content: 'x' })).body.code).toBe(10008);
    expect((await respond(4, { content: 'Anyway.' })).status).toBe(204);
  });
});

describe('on an ephemeral message', () => {
  async function offered() {
    const use = await ada.invokes(app, general, 'ask');
    await (await answering(use)).respond(4, { content: 'For you.', flags: 64, components: [row(button())] });
    if (use.message === undefined) throw new Error('There is no message');
    return use.message;
  }

  test('a button is for its invoker alone, and changes it in place', async () => {
    const message = await offered();
    await expect(bob.presses(message, 'again')).rejects.toMatchObject({ code: 10008 });
    const { interaction, respond } = await answering(await ada.presses(message, 'again'));
    expect(interaction.message).toMatchObject({ id: message.id, flags: 64 });
    await respond(7, { content: 'Asked again.', components: [] });
    expect([discord.texts(ada, general), discord.texts(bob, general)]).toEqual([['Asked again.'], []]);
  });

  test('a button can be acknowledged, its message edited, and an answer be for everybody', async () => {
    const message = await offered();
    const { respond, edit, followUp } = await answering(await ada.presses(message, 'again'));
    await respond(6);
    expect((await edit({ components: [] })).body).toMatchObject({ id: message.id, flags: 64 });
    await followUp({ content: 'For all.' });
    expect(discord.texts(bob, general)).toEqual(['For all.']);
  });
});

describe('in a thread that was archived', () => {
  async function inThread() {
    const thread = await ada.opensThread(general, 'aside');
    const at = `/channels/${thread.id}/messages`;
    const { body: message } = await bot('POST', at, { content: 'Stopped.', components: [row(button())] });
    const use = await answering(await ada.presses(message, 'again'));
    return { thread, ...use };
  }

  test('an answer brings it back; an edit is 50083', async () => {
    const { thread, respond, edit } = await inThread();
    await ada.archives(thread);
    expect((await respond(7, { content: 'x' })).body.code).toBe(50083);
    expect((await respond(4, { content: 'Here.' })).status).toBe(204);
    expect((await bot('GET', `/channels/${thread.id}`)).body.thread_metadata.archived).toBe(false);
    await ada.archives(thread);
    expect((await edit({ content: 'x' })).body.code).toBe(50083);
  });

  test('and locked, nothing answers', async () => {
    const { thread, respond } = await inThread();
    await ada.locks(thread);
    await ada.archives(thread);
    expect((await respond(5)).body.code).toBe(50083);
    expect((await respond(4, { content: 'x' })).body.code).toBe(50083);
  });
});
