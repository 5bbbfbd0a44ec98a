import { setTimeout as pause } from 'node:timers/promises';
import { REST, Routes } from 'discord.js';

// Posts messages one after the other, as discord.js does, and tells how long each took from request to answer, in
// milliseconds: one REST round trip. The first of them are not told of: a bot that has run for a while has been compiled.
const { DISCORD_TOKEN = '', DISCORD_API_URL = '', CHANNEL_IDS = '', WARM_UP = '' } = process.env;
const rest = new REST({ api: DISCORD_API_URL }).setToken(DISCORD_TOKEN);
const tookMs: number[] = [];
for (const id of CHANNEL_IDS.split(',')) {
  const began = performance.now();
  await rest.post(Routes.channelMessages(id), { body: { content: 'How long does this take?' } });
  tookMs.push(performance.now() - began);
  await pause(100);
}
console.log(JSON.stringify(tookMs.slice(Number(WARM_UP))));
