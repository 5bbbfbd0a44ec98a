import { Client, Events, GatewayIntentBits } from 'discord.js';
import OpenAI from 'openai';

// The smallest program that answers mentions: the mention's text goes to the chat API, its answer comes as a reply. It has
// no store, no queue, no history and no streaming. What Parley adds is measured against it.
const { DISCORD_TOKEN, DISCORD_API_URL = '', DISCORD_REQUESTS_PER_SECOND = '50', OPENAI_MODEL = '' } = process.env;
const { Guilds, GuildMessages, MessageContent } = GatewayIntentBits;
const openai = new OpenAI();
const client = new Client({
  intents: [Guilds, GuildMessages, MessageContent],
  rest: { api: DISCORD_API_URL, globalRequestsPerSecond: Number(DISCORD_REQUESTS_PER_SECOND) },
});

client.on(Events.MessageCreate, async (message) => {
  if (message.author.bot || !client.user || !message.mentions.has(client.user)) return;
  const completion = await openai.chat.completions.create({
    model: OPENAI_MODEL,
    messages: [{ role: 'user', content: message.content }],
  });
  await message.reply(completion.choices[0]?.message.content ?? '');
});

client.once(Events.ClientReady, () => console.log('The floor is ready.'));
client.login(DISCORD_TOKEN);
