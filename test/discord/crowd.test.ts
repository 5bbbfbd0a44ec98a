import { expect, test } from 'vitest';
import { gate } from '../fakes.js';
import { openHome } from './home.js';

const CHANNELS = 70;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function openCrowd() {
  const home = await openHome({ maxConcurrent: CHANNELS });
  const channels = Array.from({ length: CHANNELS }, (_, index) => home.guild.channel(`channel-${index}`));
  const textsOf = (channel: { id: string }) =>
    home.discord.sees(home.ada, channel).filter(({ author }) => author.id === home.app.id);
  return { ...home, channels, textsOf };
}

test('many short answers at once cost one message each, and meet no rate limit', async () => {
  const { discord, model, app, ada, channels, textsOf } = await openCrowd();
  model.script(async function* () {
    await pause(50);
    yield 'Short ';
    await pause(20);
    yield 'answer.';
  });
  await Promise.all(channels.map((channel) => ada.says(channel, `${app.mention} hi`)));
  await discord.until(() => channels.every((channel) => textsOf(channel)[0]?.content === 'Short answer.'), {
    withinMs: 15_000,
  });
  const texts = app.calls().filter(({ route }) => route.includes('/messages'));
  // The first ones found requests plentiful, and were shown before they had ended.
  expect(texts.length).toBeLessThan(CHANNELS * 1.7);
  expect(discord.calls.filter(({ status }) => status === 429)).toEqual([]);
});

test('many long answers at once are all shown whole, new texts before previews, and meet no rate limit', async () => {
  const { discord, model, app, ada, channels, textsOf } = await openCrowd();
  const allAsked = gate();
  model.script(async function* () {
    await allAsked.opened;
    for (let word = 0; word < 30; word += 1) {
      yield `word${word} `;
      await pause(120);
    }
    yield 'end.';
  });
  await Promise.all(channels.map((channel) => ada.says(channel, `${app.mention} hi`)));
  await model.request(CHANNELS - 1);
  allAsked.open();
  await discord.until(() => channels.every((channel) => textsOf(channel)[0]?.content.endsWith('end.')), {
    withinMs: 19_000,
  });
  expect(channels.every((channel) => textsOf(channel).length === 1)).toBe(true);
  expect(discord.calls.filter(({ status }) => status === 429)).toEqual([]);
  const sent = app.calls().filter(({ method, route }) => method !== 'GET' && route.includes('/messages'));
  expect(sent.filter(({ method }) => method === 'POST')).toHaveLength(CHANNELS);
  const lastNew = sent.findLastIndex(({ method }) => method === 'POST');
  expect(sent.slice(0, lastNew).filter(({ method }) => method === 'PATCH').length).toBeLessThan(CHANNELS);
});
