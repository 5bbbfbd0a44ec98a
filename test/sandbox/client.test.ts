import { REST } from '@discordjs/rest';
import { WebSocketManager, WebSocketShardEvents } from '@discordjs/ws';
import {
  ApplicationFlags,
  Client,
  type ClientOptions,
  Events,
  GatewayIntentBits,
  MessageFlags,
  Partials,
  Routes,
} from 'discord.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Discord, type SandboxApplication, startDiscord } from '../../src/sandbox/discord.js';
import type { SandboxChannel, SandboxGuild } from '../../src/sandbox/guild.js';
import type { Person } from '../../src/sandbox/people.js';

const usual = [
  GatewayIntentBits.Guilds,
  GatewayIntentBits.GuildMessages,
  GatewayIntentBits.GuildMessageReactions,
  GatewayIntentBits.DirectMessages,
];
let discord: Discord;
let app: SandboxApplication;
let ada: Person;
let guild: SandboxGuild;
let general: SandboxChannel;
const clients: Client[] = [];

beforeEach(async () => {
  discord = await startDiscord();
  app = discord.application();
  ada = discord.person({ username: 'ada', name: 'Ada' });
  guild = discord.guild({ owner: ada });
  general = guild.channel('general');
  guild.install(app);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.destroy()));
  await discord.close();
});

async function login(more: Partial<ClientOptions> = {}) {
  const client = new Client({ intents: usual, partials: [Partials.Channel], rest: { api: discord.url }, ...more });
  clients.push(client);
  const ready = new Promise((resolve) => client.once(Events.ClientReady, resolve));
  await client.login(app.token);
  await ready;
  return client;
}

describe('discord.js', () => {
  test('knows after its login who and where it is', async () => {
    const client = await login();
    expect(client.user?.id).toBe(app.id);
    const home = client.guilds.cache.get(guild.id);
    expect(home?.channels.cache.map(({ name }) => name)).toEqual(['general']);
    expect(home?.members.me?.permissionsIn(general.id).has('SendMessages')).toBe(true);
    expect(app.isConnected()).toBe(true);
    expect((await client.application?.fetch())?.flags.has(ApplicationFlags.GatewayMessageContent)).toBe(false);
  });

  test('reads a mention, types, replies, edits, reacts and uploads', async () => {
    const client = await login();
    client.on(Events.MessageCreate, async (message) => {
      if (message.author.bot || !message.mentions.has(client.user ?? '') || !message.channel.isSendable()) return;
      await message.channel.sendTyping();
      await message.react('👀');
      const reply = await message.reply({
        content: `You said: ${message.content}`,
        allowedMentions: { parse: [], repliedUser: true },
      });
      await reply.edit({ content: 'Edited', files: [{ attachment: Buffer.from('hi'), name: 'note.txt' }] });
    });
    const question = await ada.says(general, `${app.mention} hello`);
    await discord.until(() => app.calls().at(-1)?.method === 'PATCH');
    const [, reply] = discord.sees(ada, general);
    expect(reply).toMatchObject({
      content: 'Edited',
      referenced_message: { id: question.id },
      attachments: [{ filename: 'note.txt' }],
    });
    expect(discord.edits(reply ?? { id: '' }).map(({ content }) => content)).toEqual([
      `You said: ${app.mention} hello`,
      'Edited',
    ]);
    expect(discord.notified(ada).map(({ id }) => id)).toEqual([reply?.id]);
    expect(app.calls().map(({ method, route }) => `${method} ${route.split('/').at(-1)}`)).toEqual([
      'GET bot',
      'POST typing',
      'PUT @me',
      'POST messages',
      'PATCH :message_id',
    ]);
  });

  test('reads direct messages, and the content of nothing that does not concern it', async () => {
    const client = await login();
    const read: string[] = [];
    client.on(Events.MessageCreate, (message) => read.push(`${message.guild?.name ?? 'direct'}: ${message.content}`));
    await ada.says(general, 'not for you');
    await ada.says(await ada.directs(app), 'for you');
    await expect.poll(() => read).toEqual(['Home: ', 'direct: for you']);
  });

  test('resumes after a cut, and misses nothing', async () => {
    const client = await login();
    const read: string[] = [];
    let resumes = 0;
    client.on(Events.MessageCreate, (message) => read.push(message.content));
    client.on(Events.ShardResume, () => {
      resumes += 1;
    });
    discord.faults.gateway.drop();
    await discord.until(() => !app.isConnected());
    await ada.says(general, `${app.mention} while you were away`);
    await expect.poll(() => read, { timeout: 10_000 }).toEqual([`${app.mention} while you were away`]);
    discord.faults.gateway.askToReconnect();
    await expect.poll(() => resumes, { timeout: 10_000 }).toBe(2);
    await ada.says(general, `${app.mention} still there?`);
    await expect.poll(() => read).toHaveLength(2);
  });

  test('queues at the limits that the headers tell, and gets no 429', { timeout: 30_000 }, async () => {
    const client = await login();
    const channel = client.channels.cache.get(general.id);
    if (!channel?.isSendable()) throw new Error('The channel is not there');
    await Promise.all(Array.from({ length: 7 }, (_, count) => channel.send(`${count}`)));
    expect(discord.texts(ada, general)).toEqual(['0', '1', '2', '3', '4', '5', '6']);
    expect(app.calls().filter(({ status }) => status === 429)).toEqual([]);
  });

  test('answers commands: at once, later, privately, with a dialog box', async () => {
    const client = await login();
    client.on(Events.InteractionCreate, async (interaction) => {
      if (interaction.isModalSubmit()) {
        await interaction.reply({
          content: interaction.fields.getTextInputValue('text'),
          flags: MessageFlags.Ephemeral,
        });
      }
      if (!interaction.isChatInputCommand()) return;
      if (interaction.options.getString('prompt') === null) {
        const input = { type: 4, customId: 'text', style: 2, label: 'Text' } as const;
        await interaction.showModal({
          customId: 'box',
          title: 'Box',
          components: [{ type: 1, components: [input] }],
        });
      } else {
        const { resource } = await interaction.deferReply({ withResponse: true });
        expect(resource?.message?.flags.has(MessageFlags.Loading)).toBe(true);
        await interaction.editReply(`To ${interaction.options.getString('prompt', true)}`);
        await interaction.followUp('and more');
        await interaction.deleteReply();
      }
    });
    await client.application?.commands.set([
      { name: 'ask', description: 'Ask.', options: [{ type: 3, name: 'prompt', description: 'What?' }] },
    ]);
    const use = await ada.invokes(app, general, 'ask', { prompt: 'you' });
    await discord.until(() => use.state === 'answered' && use.message === undefined);
    expect(use.followUps.map(({ content }) => content)).toEqual(['and more']);
    const box = await ada.invokes(app, general, 'ask');
    await discord.until(() => box.dialog);
    const sent = await ada.submits(box, { text: 'filled in' });
    await discord.until(() => sent.state === 'answered');
    expect(sent).toMatchObject({ ephemeral: true, message: { content: 'filled in' } });
  });

  test('is told of a wrong token', async () => {
    await expect(new Client({ intents: [], rest: { api: discord.url } }).login('wrong')).rejects.toThrow(
      'invalid token',
    );
  });

  test('is told of an intent that is not switched on', async () => {
    await expect(login({ intents: [...usual, GatewayIntentBits.MessageContent] })).rejects.toThrow(
      'disallowed intents',
    );
    app.switchMessageContent('on');
    const client = await login({ intents: [...usual, GatewayIntentBits.MessageContent] });
    const read: string[] = [];
    client.on(Events.MessageCreate, (message) => read.push(message.content));
    await ada.says(general, 'for everybody');
    await expect.poll(() => read).toEqual(['for everybody']);
  });
});

test('a client made of @discordjs/rest and @discordjs/ws logs in and talks', async () => {
  const rest = new REST({ api: discord.url }).setToken(app.token);
  const intents = GatewayIntentBits.Guilds | GatewayIntentBits.GuildMessages;
  const gateway = new WebSocketManager({ token: app.token, intents, rest });
  const ids: string[] = [];
  gateway.on(WebSocketShardEvents.Dispatch, (data) => {
    if (data.t === 'MESSAGE_CREATE') ids.push(data.d.id);
  });
  await gateway.connect();
  const message = await ada.says(general, 'hello');
  await expect.poll(() => ids).toEqual([message.id]);
  await rest.post(Routes.channelMessages(general.id), { body: { content: 'hello yourself' } });
  expect(discord.texts(ada, general)).toEqual(['hello', 'hello yourself']);
  await gateway.destroy();
});

describe('waiting for something', () => {
  test('is woken by what happens, and gives what the condition gave', async () => {
    setTimeout(() => ada.says(general, 'hello'), 20);
    expect(await discord.until(() => discord.sees(ada, general)[0]?.content)).toBe('hello');
  });

  test('that does not come fails with what it last saw', async () => {
    await ada.says(general, 'hello');
    const wait = discord.until(() => discord.texts(ada, general).includes('bye'), { withinMs: 30 });
    await expect(wait).rejects.toThrow(/Not within 30 ms: .*bye[\s\S]*ada: "hello"[\s\S]*POST .*messages → 200/);
  });
});
