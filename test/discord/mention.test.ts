import { describe, expect, test } from 'vitest';
import { hangUp } from '../../src/sandbox/model/model.js';
import { refusals } from '../../src/sandbox/model/refusals.js';
import { gate } from '../fakes.js';
import { openHome } from './home.js';

type Home = Awaited<ReturnType<typeof openHome>>;
interface Place {
  readonly id: string;
}

/** The bot's messages in a channel, as Ada sees them. */
const answers = ({ discord, ada, app }: Home, channel: Place) =>
  discord.sees(ada, channel).filter(({ author }) => author.id === app.id);

const answer = (home: Home, channel: Place, number = 0) => home.discord.until(() => answers(home, channel)[number]);

/** Waits until the bot's newest message in a channel ends so. */
const ending = (home: Home, channel: Place, end: string) =>
  home.discord.until(() => answers(home, channel).at(-1)?.content.endsWith(end) && answers(home, channel));

/** The question as the model got it, without the line that names the speaker. */
const questionOf = async ({ model }: Home, number = 0): Promise<string> => {
  const { body } = await model.request(number);
  return String(body.messages.at(-1)?.content);
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('who is answered', () => {
  test('a mention anywhere in a message is answered by a reply that pings the asker alone', async () => {
    const home = await openHome();
    const { discord, model, app, ada, bob, general } = home;
    model.script('Hello.');
    const asked = await ada.says(general, `Hello ${app.mention}, this is ${bob.mention}`);
    expect(await answer(home, general)).toMatchObject({
      content: 'Hello.',
      message_reference: { message_id: asked.id },
    });
    expect(discord.notified(ada)).toHaveLength(1);
    expect(discord.notified(bob).map(({ author }) => author.id)).toEqual([ada.id]);
  });

  test('a reply to one of its messages is answered if it pings', async () => {
    const home = await openHome();
    const { model, app, ada, general } = home;
    model.script('First.', 'Second.');
    await ada.says(general, `${app.mention} one`);
    const first = await answer(home, general);
    await ada.says(general, 'not to the bot', { replyTo: first, ping: false });
    await ada.says(general, 'two', { replyTo: first });
    expect((await answer(home, general, 1)).content).toBe('Second.');
    expect(await questionOf(home, 1)).toBe(
      '@ada (Ada) replies to this message from you:\n> First.\n@ada (Ada):\n| two',
    );
    expect(model.requests).toHaveLength(2);
  });

  test('a reply is understood though what it replies to is the next to be forgotten', async () => {
    const home = await openHome();
    const { model, app, ada, general } = home;
    model.script('First.', 'Second.');
    await ada.says(general, `${app.mention} one`);
    const first = await answer(home, general);
    // The library keeps five messages of a channel.
    for (const text of ['Well.', 'Well?', 'Well!', 'Well …']) await ada.says(general, text);
    await ada.says(general, 'two', { replyTo: first });
    await answer(home, general, 1);
    expect(await questionOf(home, 1)).toContain('you:\n> First.\n');
  });

  test('any message in a direct conversation is answered', async () => {
    const home = await openHome();
    const { model, app, ada } = home;
    model.script('Hello.', 'Hello again.');
    const direct = await ada.directs(app);
    await ada.says(direct, 'hi');
    expect((await answer(home, direct)).content).toBe('Hello.');
    await ada.says(direct, 'and again');
    expect((await answer(home, direct, 1)).content).toBe('Hello again.');
    const { body } = await model.request(1);
    expect(body.messages).toHaveLength(4);
  });

  test('a bot, @everyone, a joining member and a message to nobody are not answered', async () => {
    const home = await openHome();
    const { discord, model, app, ada, guild, general } = home;
    model.script('Hello.');
    const other = discord.application({ name: 'Other' });
    guild.install(other);
    await fetch(`${discord.url}/v10/channels/${general.id}/messages`, {
      method: 'POST',
      headers: { authorization: `Bot ${other.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ content: `${app.mention} hi` }),
    });
    guild.join(discord.person({ username: 'eve' }));
    await ada.says(general, '@everyone hello');
    await ada.says(general, '@here hello');
    await ada.says(general, 'hello');
    await ada.says(general, `${app.mention} last`);
    await answer(home, general);
    expect(await questionOf(home)).toBe('@ada (Ada):\n| last');
    expect(model.requests).toHaveLength(1);
  });

  test('a mention of its role gets a hint to mention the bot itself', async () => {
    const home = await openHome();
    const { model, app, ada, guild, general } = home;
    await ada.says(general, `${guild.roleOf(app).mention} hi`);
    expect((await answer(home, general)).content).toBe(`I only hear messages that mention ${app.mention} itself.`);
    expect(model.requests).toHaveLength(0);
  });

  test('a mention with nothing to say gets a hint', async () => {
    const home = await openHome();
    const { model, app, ada, general } = home;
    await ada.says(general, ` ${app.mention} `);
    expect((await answer(home, general)).content).toMatch(/Write your question beside the mention/);
    expect(model.requests).toHaveLength(0);
  });

  test('a mention with nothing to say that replies to a message is about that message', async () => {
    const home = await openHome({ messageContent: 'on' });
    const { model, app, ada, bob, general } = home;
    model.script('Twelve.');
    const said = await bob.says(general, 'How many months has a year?');
    await ada.says(general, app.mention, { replyTo: said });
    expect((await answer(home, general)).content).toBe('Twelve.');
    expect(await questionOf(home)).toContain('> How many months has a year?\n@ada (Ada):');
  });

  test('a mention with nothing to say that replies to a withheld message costs no request', async () => {
    const home = await openHome();
    const { model, app, ada, bob, general } = home;
    const said = await bob.says(general, 'How many months has a year?');
    await ada.says(general, app.mention, { replyTo: said });
    expect((await answer(home, general)).content).toMatch(/^I can’t read the message you replied to/);
    expect(model.requests).toHaveLength(0);
  });

  test('a flood of empty mentions gets a hint at a time, and holds up no other channel', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general, garden } = home;
    model.script('Hello.');
    discord.faults.rest({ method: 'POST', route: '/channels/:channel_id/messages', of: app, delayMs: 200 });
    await Promise.all(Array.from({ length: 5 }, () => ada.says(general, app.mention)));
    await ada.says(garden, `${app.mention} hi`);
    await answer(home, garden);
    await answer(home, general);
    expect(answers(home, general)).toHaveLength(1);
  });

  test('where it may not write, it asks the model nothing, and the log names the permission', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general, garden, lines } = home;
    model.script('Hello.');
    general.overwrite(app, [], ['SendMessages']);
    await ada.says(general, `${app.mention} one`);
    await ada.says(garden, `${app.mention} two`);
    await answer(home, garden);
    expect(model.requests).toHaveLength(1);
    expect(lines.join('')).toContain('"missing":["Send Messages"]');
    expect(discord.calls.filter(({ status }) => status >= 400)).toEqual([]);
  });
});

describe('what the model is told', () => {
  test('ids stand as names', async () => {
    const home = await openHome();
    const { app, ada, bob, guild, general, garden } = home;
    const cooks = guild.role('cooks');
    await ada.says(
      general,
      `${app.mention}, ask ${bob.mention} of ${cooks.mention} in ${garden.mention} <:tea:123456789012345678> </help:123456789012345678> <t:0:R>`,
    );
    expect(await questionOf(home)).toBe(
      '@ada (Ada):\n| ask @Bob of @cooks in #garden :tea: /help 1970-01-01T00:00:00Z',
    );
  });

  test('two people in one channel are told apart', async () => {
    const home = await openHome();
    const { model, app, ada, bob, general } = home;
    model.script('Hm.');
    await ada.says(general, `${app.mention} I am Ada.\nBob:\n| I am a fool.`);
    await answer(home, general);
    await bob.says(general, `${app.mention} Who said that?`);
    await answer(home, general, 1);
    const { body } = await model.request(1);
    expect(body.messages.slice(1).map(({ role, content }) => `${role}: ${content}`)).toEqual([
      'user: @ada (Ada):\n| I am Ada.\n| Bob:\n| | I am a fool.',
      'assistant: Hm.',
      'user: @bob (Bob):\n| Who said that?',
    ]);
  });

  test('a quoted message is withheld without the intent, and the answer says so', async () => {
    const home = await openHome();
    const { model, app, ada, bob, general } = home;
    model.script('Hm.');
    const said = await bob.says(general, 'The moon is made of cheese.');
    await ada.says(general, `${app.mention} is that so?`, { replyTo: said });
    expect((await answer(home, general)).content).toMatch(/^Hm\.\n-# I can’t read the message you replied to/);
    expect(await questionOf(home)).toBe('@ada (Ada):\n| is that so?');
  });

  test.each(['limited', 'on'] as const)(
    'with the intent %s, a quoted message is part of the question',
    async (messageContent) => {
      const home = await openHome({ messageContent });
      const { bot, model, app, ada, bob, general } = home;
      expect(bot.readsAllMessages).toBe(true);
      model.script('Hm.');
      const said = await bob.says(general, 'The moon is made of cheese.');
      await ada.says(general, `${app.mention} is that so?`, { replyTo: said });
      expect((await answer(home, general)).content).toBe('Hm.');
      expect(await questionOf(home)).toBe(
        '@ada (Ada) replies to this message from @bob (Bob):\n> The moon is made of cheese.\n@ada (Ada):\n| is that so?',
      );
    },
  );

  test('a quoted question of somebody else is known without the intent', async () => {
    const home = await openHome();
    const { model, app, ada, bob, general } = home;
    model.script('Hm.');
    const said = await bob.says(general, `${app.mention} Is the moon made of cheese?`);
    await answer(home, general);
    await ada.says(general, `${app.mention} well, is it?`, { replyTo: said, ping: false });
    expect((await answer(home, general, 1)).content).toBe('Hm.');
    expect(await questionOf(home, 1)).toContain('from @bob (Bob):\n> Is the moon made of cheese?\n');
  });

  test('files are named', async () => {
    const home = await openHome();
    const { app, ada, general } = home;
    await ada.says(general, app.mention, { files: [{ name: 'notes.txt', content: 'hello', type: 'text/plain' }] });
    expect(await questionOf(home)).toBe('@ada (Ada):\nAttached: "notes.txt" (text/plain, 5 bytes)');
  });
});

describe('how the answer comes', () => {
  const requestsOf = ({ app }: Home) => app.calls().map(({ method, route }) => `${method} ${route}`);

  test('a short answer costs one request', async () => {
    const home = await openHome();
    const { model, app, ada, general } = home;
    model.script('Short.');
    const before = requestsOf(home).length;
    await ada.says(general, `${app.mention} hi`);
    await answer(home, general);
    expect(requestsOf(home).slice(before)).toEqual(['POST /channels/:channel_id/messages']);
  });

  test('a slow first word is bridged by a typing indicator, and the answer grows by edits', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    const [start, middle, last] = [gate(), gate(), gate()];
    model.script(async function* () {
      await start.opened;
      yield 'One ';
      await middle.opened;
      yield 'two ';
      await last.opened;
      yield 'three.';
    });
    await ada.says(general, `${app.mention} count`);
    await discord.until(() => requestsOf(home).some((request) => request.endsWith('/typing')));
    expect(answers(home, general)).toEqual([]);
    start.open();
    expect((await answer(home, general)).content).toBe('One');
    middle.open();
    await ending(home, general, 'two');
    last.open();
    const [whole] = await ending(home, general, 'three.');
    expect(discord.edits(whole ?? { id: '' }).map(({ content }) => content)).toEqual([
      'One',
      'One two',
      'One two three.',
    ]);
  });

  test('a long stream is edited once in 1.2 seconds at most, and meets no rate limit', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    model.script(async function* () {
      for (let word = 0; word < 60; word += 1) {
        yield `word${word} `;
        await pause(80);
      }
      yield 'end.';
    });
    await ada.says(general, `${app.mention} tell`);
    const [whole] = await discord.until(
      () => answers(home, general)[0]?.content.endsWith('end.') && answers(home, general),
      {
        withinMs: 15_000,
      },
    );
    const times = discord.edits(whole ?? { id: '' }).map(({ at }) => at);
    const lasted = (times.at(-1) ?? 0) - (times[0] ?? 0);
    // The first text, one preview each 1.2 seconds, the final text.
    expect(times.length).toBeLessThanOrEqual(2 + Math.ceil(lasted / 1200));
    expect(times.length).toBeGreaterThan(3);
    expect(discord.calls.filter(({ status }) => status === 429)).toEqual([]);
  });

  test('an answer over 2,000 characters continues in further messages, code stays code, and its parts give it back', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    const code = Array.from({ length: 120 }, (_, index) => `const line${index} = ${index}; // some comment`).join('\n');
    const prose = Array.from({ length: 60 }, (_, index) => `Sentence number ${index} is here to fill the page.`).join(
      ' ',
    );
    const text = `${prose}\n\n\`\`\`js\n${code}\n\`\`\`\n\n${prose}\n\nThe end.`;
    model.script(async function* () {
      for (let from = 0; from < text.length; from += 100) {
        yield text.slice(from, from + 100);
        await pause(20);
      }
    });
    await ada.says(general, `${app.mention} tell`);
    const parts = await discord.until(
      () => answers(home, general).at(-1)?.content.endsWith('The end.') && answers(home, general),
      {
        withinMs: 20_000,
      },
    );
    expect(parts.length).toBeGreaterThan(4);
    expect(parts.every(({ content }) => content.length <= 2000)).toBe(true);
    expect(parts.every(({ content }) => (content.match(/^```/gm)?.length ?? 0) % 2 === 0)).toBe(true);
    const joined = parts
      .map(({ content }) => content)
      .join('\n')
      .replaceAll(/\n```\n```js\n/g, '\n');
    expect(joined.replaceAll(/\s+/g, ' ')).toBe(text.replaceAll(/\s+/g, ' '));
    expect(parts[0]?.message_reference).toBeDefined();
    expect(parts[1]?.message_reference).toBeUndefined();
    expect(discord.calls.filter(({ status }) => status >= 400)).toEqual([]);
  });

  test('no text of the model pings anybody, in any message of the answer or by an edit', async () => {
    const home = await openHome();
    const { discord, model, app, ada, bob, guild, general } = home;
    const cooks = guild.role('cooks', [], true);
    guild.grant(bob, cooks);
    const shout = `@everyone @here ${bob.mention} ${cooks.mention} ${'word '.repeat(500)}`;
    const more = gate();
    model.script(async function* () {
      yield 'Well, ';
      await more.opened;
      yield shout;
      yield shout;
    });
    const asked = await ada.says(general, `${app.mention} shout`);
    await answer(home, general);
    more.open();
    await discord.until(() => answers(home, general).length > 2);
    await home.stop();
    expect(discord.notified(bob)).toEqual([]);
    const pings = discord.notified(ada);
    expect(pings.map(({ message_reference }) => message_reference?.message_id)).toEqual([asked.id]);
    expect(pings[0]?.mentions.map(({ id }) => id)).toEqual([ada.id]);
  });

  test('a question that waits is marked, the mark goes, and both are answered in order', async () => {
    const home = await openHome();
    const { discord, model, app, ada, bob, general } = home;
    const first = gate();
    model.script(async function* () {
      await first.opened;
      yield 'First.';
    }, 'Second.');
    await ada.says(general, `${app.mention} one`);
    await model.request(0);
    const waiting = await bob.says(general, `${app.mention} two`);
    const marks = () => discord.sees(ada, general).find(({ id }) => id === waiting.id)?.reactions ?? [];
    await discord.until(() => marks().length === 1);
    expect(marks()[0]?.emoji.name).toBe('⏳');
    first.open();
    await answer(home, general, 1);
    await discord.until(() => marks().length === 0);
    expect(answers(home, general).map(({ content }) => content)).toEqual(['First.', 'Second.']);
  });

  test('half a dozen questions that wait are marked without a rate limit, and every mark goes', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    const first = gate();
    model.script(async function* () {
      await first.opened;
      yield 'First.';
    }, 'Next.');
    const asked = [];
    for (let number = 0; number < 6; number += 1) asked.push(await ada.says(general, `${app.mention} ${number}`));
    const marked = () => discord.sees(ada, general).filter(({ reactions }) => reactions?.length).length;
    await discord.until(() => marked() >= 3);
    first.open();
    await discord.until(() => answers(home, general).length === 6 && marked() === 0, { withinMs: 19_000 });
    const refused = discord.calls.filter(({ route, status }) => route.includes('reactions') && status === 429);
    expect(refused).toEqual([]);
    expect(asked).toHaveLength(6);
  });

  test('a channel does not hold up another', async () => {
    const home = await openHome();
    const { model, app, ada, general, garden } = home;
    const held = gate();
    model.script(async function* () {
      await held.opened;
      yield 'Slow.';
    }, 'Quick.');
    await ada.says(general, `${app.mention} one`);
    await model.request(0);
    await ada.says(garden, `${app.mention} two`);
    expect((await answer(home, garden)).content).toBe('Quick.');
    held.open();
    expect((await answer(home, general)).content).toBe('Slow.');
  });
});

describe('when something fails', () => {
  test.each([
    ['a wrong key', refusals.badKey, /does not accept my key/],
    ['no credit', refusals.noCredit, /credit with the language model is used up/],
    ['an unknown model', refusals.unknownModel, /does not exist there/],
    ['server trouble that stays', refusals.serverError, /has trouble on its side/],
    ['a content filter', refusals.filtered, /content filter held this answer back/],
    ['an empty answer', '', /gave an empty answer/],
    ['a proxy’s error page', refusals.htmlPage, /has trouble on its side/],
  ])(
    '%s is told in a sentence, without what the server said, and the cause stands in the log',
    async (_, script, sentence) => {
      const home = await openHome();
      const { model, app, ada, general, lines } = home;
      model.script(script);
      const { id } = await ada.says(general, `${app.mention} hi`);
      const { content } = await answer(home, general);
      expect(content).toMatch(sentence);
      expect(content.split('\n').slice(1)).toEqual([`-# Reference: ${id}`]);
      const failed = lines.find((line) => line.includes('turn failed'));
      expect(failed).toContain(id);
      model.script('Better now.');
      await ada.says(general, `${app.mention} again`);
      expect((await answer(home, general, 1)).content).toBe('Better now.');
      const { body } = model.requests.at(-1) ?? { body: { messages: [] } };
      expect(body.messages).toHaveLength(2);
    },
  );

  test('server trouble and a rate limit that pass are waited out', async () => {
    const home = await openHome();
    const { model, app, ada, general } = home;
    model.script(refusals.serverError, refusals.rateLimited({ ms: 20 }), 'At last.');
    await ada.says(general, `${app.mention} hi`);
    expect((await answer(home, general)).content).toBe('At last.');
    expect(model.requests).toHaveLength(3);
  });

  test('a connection that breaks amid the answer leaves what came, and a line that says so', async () => {
    const home = await openHome();
    const { model, app, ada, general } = home;
    model.script(async function* () {
      yield 'It was a dark and ';
      await pause(50);
      yield hangUp;
    });
    const { id } = await ada.says(general, `${app.mention} a story`);
    const [shown] = await ending(home, general, id);
    expect(shown?.content).toBe(
      `It was a dark and\n-# I lost the connection to the language model. Please try again in a moment. Reference: ${id}`,
    );
  });

  test('a stream that stalls is ended, what came is kept and marked, and the channel goes on', async () => {
    const home = await openHome({ timeoutMs: 300 });
    const { model, app, ada, general } = home;
    model.script(async function* ({ closed }) {
      yield 'It was ';
      await closed;
    }, 'Next.');
    const { id } = await ada.says(general, `${app.mention} a story`);
    const [shown] = await ending(home, general, id);
    expect(shown?.content).toBe(
      `It was\n-# The language model stopped sending. Please try again in a moment. Reference: ${id}`,
    );
    await ada.says(general, `${app.mention} next`);
    expect((await answer(home, general, 1)).content).toBe('Next.');
  });

  test('a question that is deleted before it is answered is not answered, and the model is asked no further', async () => {
    const home = await openHome();
    const { model, app, ada, bob, general, lines } = home;
    const closed = gate();
    model.script(async function* (request) {
      yield '';
      await request.closed;
      closed.open();
    }, 'Next.');
    const running = await ada.says(general, `${app.mention} one`);
    const waiting = await bob.says(general, `${app.mention} two`);
    await ada.says(general, `${app.mention} three`);
    await model.request(0);
    await bob.deletes(waiting);
    await ada.deletes(running);
    await closed.opened;
    expect((await answer(home, general)).content).toBe('Next.');
    expect(answers(home, general)).toHaveLength(1);
    expect(model.requests).toHaveLength(2);
    expect(await questionOf(home, 1)).toContain('| three');
    expect(lines.filter((line) => line.includes('withdrawn'))).toHaveLength(2);
  });

  test('an answer to a question that is deleted while it is shown ends there, and says why', async () => {
    const home = await openHome();
    const { model, app, ada, general } = home;
    model.script(async function* ({ closed }) {
      yield 'It was a dark and';
      await closed;
    });
    const asked = await ada.says(general, `${app.mention} a story`);
    await answer(home, general);
    await ada.deletes(asked);
    const [shown] = await ending(home, general, 'deleted.');
    expect(shown?.content).toBe('It was a dark and\n-# Stopped, because the question was deleted.');
  });

  test('a question of whose deletion Discord tells too late is not answered, and the channel goes on', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    const held = gate();
    model.script(async function* () {
      await held.opened;
      yield 'Here.';
    });
    discord.faults.gateway.disturb({ event: 'MESSAGE_DELETE', copies: 0 });
    const asked = await ada.says(general, `${app.mention} hi`);
    await model.request(0);
    await ada.deletes(asked);
    held.open();
    const next = await ada.says(general, `${app.mention} and now?`);
    expect((await answer(home, general)).message_reference?.message_id).toBe(next.id);
  });

  test.each([
    ['channel is deleted', ({ general }: Home) => general.remove()],
    ['bot is put out of the server', ({ guild, app }: Home) => guild.kick(app)],
    ['permission is taken away', ({ general, app }: Home) => general.overwrite(app, [], ['ViewChannel'])],
    ['answer is deleted', async (home: Home) => home.ada.deletes(await answer(home, home.general))],
  ])('when the %s amid an answer, the model is asked no further, and others are answered', async (_, happen) => {
    const home = await openHome();
    const { discord, model, app, ada, general, lines } = home;
    const club = discord.guild({ name: 'Club', owner: ada });
    const elsewhere = club.channel('lounge');
    club.install(app);
    model.script(async function* ({ closed }) {
      for (
        let isOpen = true;
        isOpen;
        isOpen = await Promise.race([closed.then(() => false), pause(200).then(() => true)])
      ) {
        yield 'word ';
      }
    }, 'Next.');
    await ada.says(general, `${app.mention} a story`);
    await answer(home, general);
    await happen(home);
    const request = await model.request(0);
    expect(await request.closed).toBe('hung up');
    await ada.says(elsewhere, `${app.mention} next`);
    expect((await answer(home, elsewhere)).content).toBe('Next.');
    expect(lines.join('')).toContain('turn failed');
    expect(discord.calls.some(({ status }) => status >= 500)).toBe(false);
  });

  test('a channel that is deleted while a question waits in it costs no request', async () => {
    const home = await openHome({ maxConcurrent: 1 });
    const { model, app, ada, general, garden, lines } = home;
    const first = gate();
    model.script(async function* () {
      await first.opened;
      yield 'First.';
    }, 'Next.');
    await ada.says(general, `${app.mention} one`);
    await model.request(0);
    await ada.says(general, `${app.mention} two`);
    general.remove();
    await ada.says(garden, `${app.mention} three`);
    first.open();
    await answer(home, garden);
    await home.stop();
    expect(model.requests).toHaveLength(2);
    expect(await questionOf(home, 1)).toContain('| three');
    expect(lines.filter((line) => line.includes('undelivered') || line.includes('could not be shown'))).toHaveLength(2);
  });

  const blocked = { status: 400, body: { code: 200000, message: 'Message was blocked by automatic moderation' } };

  test('a whole answer that Discord refuses is spoken of', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    model.script('All of it.');
    discord.faults.rest({ method: 'POST', route: '/channels/:channel_id/messages', of: app, answer: blocked });
    await ada.says(general, `${app.mention} hi`);
    expect((await answer(home, general)).content).toBe('Discord did not let me show this part of the answer.');
  });

  test('a preview that Discord refuses costs nothing of the whole answer', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    const rest = gate();
    model.script(async function* () {
      yield 'Begun, ';
      await pause(200);
      yield 'going on ';
      await rest.opened;
      yield 'and ended.';
    });
    const route = '/channels/:channel_id/messages/:message_id';
    discord.faults.rest({ method: 'PATCH', route, of: app, answer: blocked });
    await ada.says(general, `${app.mention} hi`);
    await discord.until(() => discord.calls.some(({ code }) => code === 200000));
    rest.open();
    const [shown] = await ending(home, general, 'and ended.');
    expect(shown?.content).toBe('Begun, going on and ended.');
  });

  test('one lost connection does not cost an answer', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    model.script('Here.');
    discord.faults.rest({ method: 'POST', route: '/channels/:channel_id/messages', of: app, answer: 'reset' });
    await ada.says(general, `${app.mention} hi`);
    expect((await answer(home, general)).content).toBe('Here.');
  });

  test('a message that was posted though Discord’s answer was lost is posted once, and completed', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    model.script(async function* () {
      yield 'One ';
      await pause(300);
      yield 'two.';
    });
    const route = '/channels/:channel_id/messages';
    discord.faults.rest({ method: 'POST', route, of: app, takesEffect: true, answer: 'reset' });
    await ada.says(general, `${app.mention} count`);
    await ending(home, general, 'One two.');
    expect(answers(home, general)).toHaveLength(1);
  });

  test('neither a key nor a token stands in the log', async () => {
    const home = await openHome();
    const { model, app, ada, general, lines } = home;
    model.script(refusals.badKey);
    await ada.says(general, `${app.mention} my secret question`);
    await answer(home, general);
    expect(lines.join('')).not.toContain(app.token);
    expect(lines.join('')).not.toContain('my secret question');
  });
});
