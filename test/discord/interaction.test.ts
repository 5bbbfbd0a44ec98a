import { describe, expect, test } from 'vitest';
import { adjustableClock } from '../../src/sandbox/clock.js';
import { gate } from '../fakes.js';
import { openHome, startBot } from './home.js';

type Home = Awaited<ReturnType<typeof openHome>>;

const systemRoleOf = ({ model }: Home): string | undefined =>
  String(model.requests.at(-1)?.body.messages[0]?.content).split('\n').at(-1);

const questionsOf = ({ model }: Home): string[] =>
  (model.requests.at(-1)?.body.messages ?? [])
    .filter(({ role }) => role === 'user')
    .map(({ content }) => String(content).split('\n').at(-1) ?? '');

const lastOf = ({ discord, ada, app }: Home, channel: { id: string }): string | undefined =>
  discord.sees(ada, channel).findLast(({ author }) => author.id === app.id)?.content;

describe('/ask', () => {
  test('shows the question above the answer', async () => {
    const home = await openHome();
    const { discord, model, app, ada, bob, general } = home;
    model.script('Blue.');
    const use = await ada.invokes(app, general, 'ask', { prompt: 'What colour\nis the sky?' });
    await discord.until(() => use.message?.content.endsWith('Blue.'));
    expect(use.message?.content).toBe('> What colour\n> is the sky?\n\nBlue.');
    expect(discord.texts(bob, general)).toContain(use.message?.content);
  });

  test('is acknowledged before the model is asked, and streams by editing', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    const [start, rest] = [gate(), gate()];
    model.script(async function* () {
      await start.opened;
      yield 'One ';
      await rest.opened;
      yield 'two.';
    });
    const use = await ada.invokes(app, general, 'ask', { prompt: 'Count' });
    await discord.until(() => use.state === 'thinking');
    start.open();
    await discord.until(() => use.message?.content.endsWith('One'));
    rest.open();
    await discord.until(() => use.message?.content.endsWith('One two.'));
    expect(use.followUps).toEqual([]);
  });

  test('goes through the same history as mentions', async () => {
    const home = await openHome();
    const { discord, model, app, ada, bob, general } = home;
    model.script('Hm.');
    const use = await ada.invokes(app, general, 'ask', { prompt: 'one' });
    await discord.until(() => use.state === 'answered');
    await bob.says(general, `${app.mention} two`);
    await discord.until(() => lastOf(home, general) === 'Hm.');
    expect(questionsOf(home)).toEqual(['| one', '| two']);
  });

  test('in private is seen by the asker alone, and nobody else’s answers build on it', async () => {
    const home = await openHome();
    const { discord, model, app, ada, bob, general } = home;
    model.script('Psst.');
    const use = await ada.invokes(app, general, 'ask', { prompt: 'secret', private: true });
    await discord.until(() => use.message?.content.endsWith('Psst.'));
    expect(use.ephemeral).toBe(true);
    expect(discord.texts(bob, general).join()).not.toContain('Psst');
    await bob.invokes(app, general, 'ask', { prompt: 'his', private: true });
    await discord.until(() => model.requests.length === 2);
    expect(questionsOf(home)).toEqual(['| his']);
    await ada.says(general, `${app.mention} openly`);
    await discord.until(() => lastOf(home, general) === 'Psst.');
    expect(questionsOf(home)).toEqual(['| openly']);
    const again = await ada.invokes(app, general, 'ask', { prompt: 'more', private: true });
    await discord.until(() => again.state === 'answered');
    expect(questionsOf(home)).toEqual(['| secret', '| openly', '| more']);
  });

  test('a long answer continues in follow-ups, private ones too', async () => {
    const home = await openHome();
    const { discord, model, app, ada, bob, general } = home;
    const text = Array.from({ length: 250 }, (_, index) => `${index}. A line of some length.`).join('\n');
    model.script(text);
    const use = await ada.invokes(app, general, 'ask', { prompt: 'List', private: true });
    await discord.until(() => use.followUps.at(-1)?.content.endsWith('249. A line of some length.'), {
      withinMs: 15_000,
    });
    const parts = [use.message, ...use.followUps].map((message) => message?.content);
    expect(parts.join('\n')).toBe(`> List\n\n${text}`);
    expect(discord.texts(bob, general).join()).not.toContain('A line');
  });

  test('no text pings anybody, neither the question nor the answer', async () => {
    const home = await openHome();
    const { discord, model, app, ada, bob, general } = home;
    model.script(`@everyone ${bob.mention} ${'word '.repeat(900)}`);
    const use = await ada.invokes(app, general, 'ask', { prompt: `Tell ${bob.mention} and @everyone` });
    await discord.until(() => use.followUps.length > 1);
    expect(discord.notified(bob)).toEqual([]);
    expect(questionsOf(home)).toEqual(['| Tell @Bob and @everyone']);
  });

  test('a failure is told in the reply', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    model.script('');
    const use = await ada.invokes(app, general, 'ask', { prompt: 'Hm?' });
    await discord.until(() => use.state === 'answered');
    expect(use.message?.content).toMatch(/^> Hm\?\n\nThe language model gave an empty answer/);
  });

  test('an event that comes twice is answered once', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general, garden } = home;
    model.script('Once.');
    discord.faults.gateway.disturb({ event: 'INTERACTION_CREATE', copies: 2 });
    const use = await ada.invokes(app, general, 'ask', { prompt: 'Hm?' });
    await discord.until(() => use.message?.content.endsWith('Once.'));
    const next = await ada.invokes(app, garden, 'help');
    await discord.until(() => next.state === 'answered');
    expect(model.requests).toHaveLength(1);
    expect(discord.calls.filter(({ status }) => status >= 400)).toEqual([]);
  });

  test('an acknowledgement that took effect though its answer was lost does no harm', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    model.script('Here.');
    const route = '/interactions/:interaction_id/:interaction_token/callback';
    discord.faults.rest({ method: 'POST', route, takesEffect: true, answer: 'reset' });
    const use = await ada.invokes(app, general, 'ask', { prompt: 'Hm?' });
    await discord.until(() => use.message?.content.endsWith('Here.'));
  });

  test.each([
    ['code that its question leaves open', `\`\`\`js\nlet a = 1;\n${'let b = 2;\n'.repeat(120)}\`\`\``],
    ['a spoiler that its question leaves open', 'What is ||this'],
  ])('an answer is not swallowed by %s', async (_, prompt) => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    model.script('Just prose.');
    const use = await ada.invokes(app, general, 'ask', { prompt });
    await discord.until(() => use.message?.content.endsWith('\n\nJust prose.'));
    expect(use.message?.content).not.toContain('```');
    expect((use.message?.content.split('||').length ?? 0) % 2).toBe(1);
  });

  test('an interaction that is gone while another answer is in its way does no harm', async () => {
    const clock = adjustableClock();
    const home = await openHome({ discord: { clock } });
    const { discord, model, app, ada, general } = home;
    const first = gate();
    model.script(async function* () {
      await first.opened;
      yield 'First.';
    }, 'Next.');
    await ada.says(general, `${app.mention} one`);
    await model.request(0);
    discord.faults.gateway.disturb({ event: 'INTERACTION_CREATE', delayMs: 50 });
    await ada.invokes(app, general, 'ask', { prompt: 'late' });
    clock.advance(3_100);
    await discord.until(() => discord.calls.some(({ code }) => code === 10062));
    first.open();
    await discord.until(() => lastOf(home, general) === 'First.');
    await ada.says(general, `${app.mention} next`);
    await discord.until(() => lastOf(home, general) === 'Next.');
    expect(questionsOf(home)).toEqual(['| one', '| next']);
  });

  test('an interaction that is already gone asks the model nothing', async () => {
    const clock = adjustableClock();
    const home = await openHome({ discord: { clock } });
    const { discord, model, app, ada, general, lines } = home;
    model.script('Hm.');
    discord.faults.gateway.disturb({ event: 'INTERACTION_CREATE', delayMs: 100 });
    await ada.invokes(app, general, 'ask', { prompt: 'late' });
    clock.advance(3_100);
    await discord.until(() => discord.calls.some(({ code }) => code === 10062));
    await ada.says(general, `${app.mention} next`);
    await discord.until(() => lastOf(home, general) === 'Hm.');
    expect(questionsOf(home)).toEqual(['| next']);
    expect(lines.join('')).toContain('Unknown interaction');
  });
});

describe('when the interaction’s token has died', () => {
  async function outlast(told: { private?: boolean; first?: string }) {
    const clock = adjustableClock();
    const home = await openHome({ discord: { clock } });
    const { discord, model, app, ada, general } = home;
    const rest = gate();
    model.script(async function* () {
      if (told.first) yield told.first;
      await rest.opened;
      yield 'At last.';
    });
    const use = await ada.invokes(app, general, 'ask', { prompt: 'Hm?', private: told.private ?? false });
    await discord.until(() =>
      told.first ? use.message?.content.includes(told.first.trim()) : use.state === 'thinking',
    );
    clock.advance(15 * 60_000 + 1000);
    rest.open();
    return { ...home, use };
  }

  test('the answer still arrives, as a message in the channel', async () => {
    const home = await outlast({});
    await home.discord.until(() => lastOf(home, home.general)?.endsWith('At last.'));
    expect(lastOf(home, home.general)).toBe('> Hm?\n\nAt last.');
    expect(home.discord.notified(home.bob)).toEqual([]);
  });

  test('an answer that stands half there is completed in place', async () => {
    const home = await outlast({ first: 'Wait… ' });
    const { discord, use } = home;
    await discord.until(() => use.message?.content.endsWith('At last.'));
    expect(use.message?.content).toBe('> Hm?\n\nWait… At last.');
  });

  test('a private answer arrives in a direct message, and nowhere else', async () => {
    const home = await outlast({ private: true, first: 'Wait… ' });
    const { discord, app, ada, bob, general } = home;
    const direct = await ada.directs(app);
    await discord.until(() => discord.texts(ada, direct).length === 1);
    expect(discord.texts(ada, direct)).toEqual(['> Hm?\n\nWait… At last.']);
    expect(discord.texts(bob, general).join()).not.toContain('At last');
  });
});

describe('/reset', () => {
  test('forgets the channel’s conversation, says so to all, and keeps the system role', async () => {
    const home = await openHome();
    const { discord, model, app, ada, bob, general, garden } = home;
    model.script('Hm.');
    const role = await ada.invokes(app, general, 'system set', { text: 'A pirate.' });
    await discord.until(() => role.state === 'answered');
    for (const channel of [general, garden]) {
      await ada.says(channel, `${app.mention} one`);
      await discord.until(() => lastOf(home, channel) === 'Hm.');
    }
    const use = await bob.invokes(app, general, 'reset');
    await discord.until(() => use.state === 'answered');
    expect(use.message?.content).toBe('Forgotten: 1 exchange. The next question starts afresh.');
    expect(use.ephemeral).toBe(false);
    await ada.says(general, `${app.mention} two`);
    await discord.until(() => model.requests.length === 3);
    expect(questionsOf(home)).toEqual(['| two']);
    expect(systemRoleOf(home)).toBe('A pirate.');
    await ada.says(garden, `${app.mention} three`);
    await discord.until(() => model.requests.length === 4);
    expect(questionsOf(home)).toEqual(['| one', '| three']);
  });

  test('stops the answer that is being written, which says so and stays out of the history', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    model.script(async function* ({ closed }) {
      yield 'Once upon ';
      await closed;
    }, 'Hm.');
    await ada.says(general, `${app.mention} a story`);
    await discord.until(() => lastOf(home, general) === 'Once upon');
    await ada.invokes(app, general, 'reset');
    await discord.until(() =>
      discord.texts(ada, general).includes('Once upon\n-# Stopped, because the conversation was reset.'),
    );
    const request = await model.request(0);
    expect(await request.closed).toBe('hung up');
    await ada.says(general, `${app.mention} next`);
    await discord.until(() => lastOf(home, general) === 'Hm.');
    expect(questionsOf(home)).toEqual(['| next']);
  });
});

describe('/system', () => {
  const roleIn = async (home: Home, channel: { id: string }) => {
    const before = home.model.requests.length;
    await home.ada.says(channel, `${home.app.mention} hi`);
    await home.discord.until(() => home.model.requests.length > before);
    return systemRoleOf(home);
  };

  test('is kept for its channel, across a restart, until it is cleared', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general, garden } = home;
    model.script('Hm.');
    const set = await ada.invokes(app, general, 'system set', { text: 'A pirate.' });
    await discord.until(() => set.message?.content.endsWith('> A pirate.'));
    expect(set.ephemeral).toBe(true);
    expect(await roleIn(home, general)).toBe('A pirate.');
    expect(await roleIn(home, garden)).toBe('Be brief.');
    await home.stop();
    const again = { ...home, ...(await startBot(home)) };
    expect(await roleIn(again, general)).toBe('A pirate.');
    const shown = await ada.invokes(app, general, 'system show');
    await discord.until(() => shown.message?.content === 'My role here:\n> A pirate.');
    const cleared = await ada.invokes(app, general, 'system clear');
    await discord.until(() => cleared.message?.content.endsWith('> Be brief.'));
    expect(await roleIn(again, general)).toBe('Be brief.');
  });

  test('without a text, it is asked for in a dialog box that holds the role so far', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    model.script('Hm.');
    const opened = await ada.invokes(app, general, 'system set');
    await discord.until(() => opened.state === 'dialog');
    expect(JSON.stringify(opened.dialog)).toContain('Be brief.');
    const long = `A pirate.\n${'Arr! '.repeat(500)}\nEnd.`;
    const sent = await ada.submits(opened, { text: long });
    await discord.until(() => sent.state === 'answered');
    expect(sent.ephemeral).toBe(true);
    expect(await roleIn(home, general)).toBe('End.');
  });

  test('of a thread is its parent’s until it sets its own', async () => {
    const home = await openHome();
    const { discord, model, app, ada, general } = home;
    model.script('Hm.');
    const set = await ada.invokes(app, general, 'system set', { text: 'A pirate.' });
    await discord.until(() => set.state === 'answered');
    const thread = await ada.opensThread(general, 'aside');
    expect(await roleIn(home, thread)).toBe('A pirate.');
    const own = await ada.invokes(app, thread, 'system set', { text: 'A parrot.' });
    await discord.until(() => own.state === 'answered');
    expect(await roleIn(home, thread)).toBe('A parrot.');
    expect(await roleIn(home, general)).toBe('A pirate.');
  });

  test('is for people who may manage the channel', async () => {
    const home = await openHome();
    const { app, bob, general } = home;
    await expect(bob.invokes(app, general, 'system set', { text: 'Mine.' })).rejects.toThrow();
    expect(app.commands().find(({ name }) => name === 'system')?.default_member_permissions).toBe('16');
  });

  test('in a direct conversation, it is for the person in it', async () => {
    const home = await openHome();
    const { discord, model, app, bob } = home;
    model.script('Hm.');
    const direct = await bob.directs(app);
    const set = await bob.invokes(app, direct, 'system set', { text: 'A friend.' });
    await discord.until(() => set.message?.content.endsWith('> A friend.'));
  });

  test('of nothing but white space is refused with a sentence', async () => {
    const home = await openHome();
    const { discord, app, ada, general } = home;
    const use = await ada.invokes(app, general, 'system set', { text: '   ' });
    await discord.until(() => use.state === 'answered');
    expect(use.message?.content).toMatch(/^A system role needs some text/);
  });
});

test('a command that breaks says so, and the log says why', async () => {
  const home = await openHome();
  const { discord, app, ada, general, lines, store } = home;
  store.reset = () => Promise.reject(new Error('disk full'));
  const use = await ada.invokes(app, general, 'reset');
  await discord.until(() => use.state === 'answered');
  expect(use.message?.content).toBe(
    `Something broke on my side. Whoever runs me finds it in the log.\n-# Reference: ${use.id}`,
  );
  expect(lines.find((line) => line.includes('disk full'))).toContain(use.id);
});

test('/help lists every command with its description, in private', async () => {
  const home = await openHome();
  const { discord, app, bob, general } = home;
  const use = await bob.invokes(app, general, 'help');
  await discord.until(() => use.state === 'answered');
  expect(use.ephemeral).toBe(true);
  for (const words of ['/ask', '/help', '/reset', '/system set', '/system show', '/system clear']) {
    expect(use.message?.content).toContain(`\`${words}\``);
  }
});

describe('where the app is installed for a person only', () => {
  test('/ask answers there, and what is too long for its follow-ups comes as a file', async () => {
    const home = await openHome();
    const { discord, model, app, bob } = home;
    const club = discord.guild({ name: 'Club', owner: home.ada, members: [bob] });
    const lounge = club.channel('lounge');
    bob.installs(app);
    const text = Array.from({ length: 700 }, (_, index) => `${index}. A line of some length.`).join('\n');
    model.script('Short.', text);
    const short = await bob.invokes(app, lounge, 'ask', { prompt: 'Hi' });
    await discord.until(() => short.message?.content.endsWith('Short.'));
    const long = await bob.invokes(app, lounge, 'ask', { prompt: 'List' });
    await discord.until(() => long.followUps.at(-1)?.attachments.length === 1, { withinMs: 15_000 });
    expect(long.followUps).toHaveLength(5);
    const [file] = long.followUps.at(-1)?.attachments ?? [];
    const rest = await (await fetch(file?.url ?? '')).text();
    const shown = [long.message, ...long.followUps.slice(0, -1)].map((message) => message?.content);
    expect([...shown, rest].join('\n')).toBe(`> List\n\n${text}`);
  });

  test('/system is for people who may manage the channel', async () => {
    const home = await openHome();
    const { discord, app, bob } = home;
    const club = discord.guild({ name: 'Club', owner: home.ada, members: [bob] });
    const lounge = club.channel('lounge');
    bob.installs(app);
    const refused = await bob.invokes(app, lounge, 'system show');
    await discord.until(() => refused.state === 'answered');
    expect(refused.message?.content).toBe('This is for people who may manage the channel.');
  });
});

describe('registration', () => {
  test('happens when the commands differ from those Discord has, and not else', async () => {
    const home = await openHome();
    const { app } = home;
    const puts = () => app.calls().filter(({ method }) => method === 'PUT').length;
    expect(
      app
        .commands()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['ask', 'help', 'reset', 'system']);
    expect(puts()).toBe(1);
    await home.stop();
    const again = await startBot(home);
    expect(puts()).toBe(1);
    await again.stop();
    await fetch(`${home.discord.url}/v10/applications/${app.id}/commands/${app.commands()[0]?.id}`, {
      method: 'PATCH',
      headers: { authorization: `Bot ${app.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ description: 'Something else.' }),
    });
    await startBot(home);
    expect(puts()).toBe(2);
  });

  test('is for servers and people, in servers, direct messages and group conversations', async () => {
    const { app } = await openHome();
    for (const command of app.commands()) {
      expect(command.integration_types).toEqual([0, 1]);
      expect(command.contexts).toEqual([0, 1, 2]);
    }
  });
});
