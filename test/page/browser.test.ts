import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { findChromium, launch, openPage, type Program, startProgram, type Watch } from './browser.js';

const chromium = findChromium();
const skipped = 'skipped, for there is no Chromium: install one, or name it in CHROMIUM_PATH';
if (chromium === undefined) console.warn(`The page in a browser: ${skipped}.`);

test('the page weighs less than 400 kB compressed', () => {
  const folder = fileURLToPath(new URL('../../dist/page/', import.meta.url));
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const sizes = files.map(({ parentPath, name }) => gzipSync(readFileSync(`${parentPath}/${name}`)).length);
  expect(sizes.length).toBeGreaterThan(2);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(400_000);
});

describe.skipIf(chromium === undefined)(chromium ? 'the page' : `the page (${skipped})`, () => {
  const watch: Watch = { problems: [], origins: new Set() };
  let browser: Browser;
  let program: Program;
  let general: string;

  beforeAll(async () => {
    [browser, program] = await Promise.all([launch(chromium ?? ''), startProgram()]);
    const channels = await program.call<{ id: string; name: string }[]>(
      'ada',
      'GET',
      `/guilds/${program.guildId}/channels`,
    );
    general = channels.find(({ name }) => name === 'general')?.id ?? '';
  }, 30_000);

  afterAll(async () => {
    await browser?.close();
    await program?.stop();
  });

  // What a test expects of these it takes out itself.
  afterEach(() => expect(watch.problems.splice(0)).toEqual([]));

  /** A thread of its own for a test, so that no other's answers are waited for. */
  async function openThread(name: string): Promise<string> {
    const thread = await program.call<{ id: string }>('ada', 'POST', `/channels/${general}/threads`, {
      name,
      type: 11,
    });
    return thread.id;
  }

  /** The page as somebody sees it who opens a channel. */
  async function visit(channelId: string, options: BrowserContextOptions = {}) {
    const page = await openPage(browser, watch, options);
    onTestFinished(() => page.context().close());
    await page.goto(`${program.origin}/#${channelId}`);
    const box = page.getByRole('combobox', { name: /^Message/ });
    await box.waitFor();
    return { page, box, messages: page.getByRole('article'), answers: answersOn(page) };
  }

  const answersOn = (page: Page): Locator => page.locator(`article[data-author-id="${program.appId}"]`);

  async function become(page: Page, name: string): Promise<void> {
    await page.getByRole('button', { name: /Switch person/ }).click();
    await page.getByRole('menuitemradio', { name }).click();
    await page.getByRole('button', { name: `You are ${name}. Switch person` }).waitFor();
  }

  /** Waits until a text is there. */
  const shows = (place: Locator, text: string | RegExp): Promise<void> =>
    place.filter({ hasText: text }).first().waitFor();

  test('a mention is completed, and its answer grows where it stands', async () => {
    const { page, box, answers } = await visit(await openThread('growth'));
    await box.pressSequentially('@Par');
    await page.getByRole('option', { name: /Parley/ }).waitFor();
    await page.keyboard.press('Enter');
    await box.pressSequentially('trickle, please');
    await page.keyboard.press('Enter');
    await shows(page.locator('article .mention'), '@Parley');
    await answers.first().waitFor();
    const lengths = new Set<number>();
    await expect
      .poll(async () => lengths.add((await answers.first().innerText()).length).size, { timeout: 15_000 })
      .toBeGreaterThan(2);
    await shows(answers, '(edited)');
    expect(await answers.count()).toBe(1);
  });

  test('who thinks for long is seen typing', async () => {
    const { page, box } = await visit(await openThread('slowness'));
    await send(box, '@Parley be slow to start');
    await shows(page.locator('.typing'), 'Parley is typing…');
  });

  test('/ask is filled in option by option, and its private answer is seen by one alone', async () => {
    const thread = await openThread('private');
    const { page, box, answers } = await visit(thread);
    const bob = await visit(thread);
    await become(bob.page, 'Bob');
    await box.pressSequentially('/as');
    await page.getByRole('option', { name: /\/ask/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.keyboard.type('What is a secret?');
    await page.getByRole('button', { name: 'Add option private' }).click();
    await page.getByRole('combobox', { name: 'private' }).selectOption('True');
    await page.keyboard.press('Enter');
    await shows(answers, 'What is a secret?');
    await shows(answers, 'Only you can see this');
    await program.call('ada', 'POST', `/channels/${thread}/messages`, { content: 'afterwards' });
    await shows(bob.messages, 'afterwards');
    expect(await bob.answers.count()).toBe(0);
  });

  test('/reset says what is forgotten, to everybody', async () => {
    const thread = await openThread('reset');
    const { page, box, answers } = await visit(thread);
    await send(box, '@Parley remember me');
    await shows(answers, 'I remember nothing before that.');
    await settled(answers);
    await useCommand(page, box, 'reset');
    await shows(answers, 'Forgotten: 1 exchange.');
    const bob = await visit(thread);
    await become(bob.page, 'Bob');
    await shows(bob.answers, 'Forgotten: 1 exchange.');
  });

  test('/system set opens a dialog box that holds the role as it is, and the next answer has the new one', async () => {
    const { page, box, answers } = await visit(await openThread('role'));
    await useCommand(page, box, 'system set');
    const dialog = page.getByRole('dialog', { name: 'System role of this channel' });
    const field = dialog.getByRole('textbox', { name: /^Who am I here/ });
    expect(await field.inputValue()).toMatch(/\w/);
    expect(await hasFocus(field)).toBe(true);
    await page.keyboard.press('Escape');
    await expect.poll(() => hasFocus(box)).toBe(true);
    await useCommand(page, box, 'system set');
    await field.fill('You are a lighthouse.');
    await dialog.getByRole('button', { name: 'Submit' }).click();
    await shows(answers, 'You are a lighthouse.');
    await shows(answers, 'Only you can see this');
    await send(box, '@Parley who are you?');
    await shows(answers, 'My system role: You are a lighthouse.');
    await useCommand(page, box, 'system set');
    expect(await field.inputValue()).toBe('You are a lighthouse.');
  });

  test('/system is not offered to somebody who may not manage the channel', async () => {
    const { page } = await visit(general);
    for (const [name, isOffered] of [
      ['Bob', true],
      ['Cleo', false],
    ] as const) {
      await become(page, name);
      const box = page.getByRole('combobox', { name: 'Message #general' });
      await box.pressSequentially('/');
      await page.getByRole('option', { name: /^\/ask/ }).waitFor();
      expect(await page.getByRole('option', { name: /^\/system/ }).count()).toBe(isOffered ? 3 : 0);
      await box.fill('/system');
      await shows(page.getByRole('option'), isOffered ? '/system set' : 'no such command that you may use here');
      await box.fill('');
    }
  });

  test('a long answer takes several messages, and each piece of code in it is whole and coloured', async () => {
    const { page, box, answers } = await visit(await openThread('length'));
    await send(box, '@Parley a long answer with code');
    await shows(answers, 'That was all.');
    expect(await answers.count()).toBeGreaterThan(2);
    const code = page.locator('.block[data-language="ts"]');
    expect((await code.allTextContents()).join('').match(/function\* fibonacci/g)).toHaveLength(5);
    for (const block of await code.all()) expect(await block.locator('.hljs-keyword').count()).toBeGreaterThan(0);
    // No fence was left open or shown as it was typed.
    expect((await answers.allTextContents()).join('')).not.toContain('```');
  });

  const hostile = [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '[here](javascript:alert(1))',
    '<a href="javascript:alert(1)">there</a>',
    '<svg/onload=alert(1)>',
    '```html\n<script>alert(2)</script>\n```',
    '||<iframe src="javascript:alert(1)">||',
    '<javascript:alert(1)>',
  ];

  test('markup in a message, an answer, a name or a file stays text', async () => {
    const thread = await openThread('<img src=x onerror=alert(1)>');
    const { page, box, answers } = await visit(thread);
    expect(await page.getByRole('heading', { name: '<img src=x onerror=alert(1)>' }).first().isVisible()).toBe(true);
    await box.fill(hostile.join('\n'));
    await page.getByLabel('Upload files').setInputFiles({
      name: '<img src=x onerror=alert(3)>.svg',
      mimeType: 'image/svg+xml',
      buffer: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(4)"/>'),
    });
    await page.keyboard.press('Enter');
    await shows(page.getByRole('article'), '<script>alert(1)</script>');
    await send(box, `@Parley ${hostile[1]} ${hostile[0]}`);
    await shows(answers, '<img src=x onerror=alert(1)>');
    await page.locator('.spoiler').first().click();
    const made = 'main script, main iframe, main svg:not(.icon), main img[onerror], [onload], a[href^="javascript" i]';
    expect(await page.locator(made).count()).toBe(0);
  });

  test('the workshop shows the request last sent with its tokens, and nothing secret', async () => {
    const { page, box, answers } = await visit(await openThread('workshop'));
    await page.getByRole('button', { name: 'Workshop', exact: true }).click();
    const workshop = page.getByRole('complementary', { name: 'Workshop' });
    await send(box, '@Parley what passes?');
    await shows(answers, 'what passes?');
    await shows(workshop.getByRole('listitem'), 'MESSAGE_CREATE');
    await shows(workshop.getByRole('listitem'), /POST .*messages/);
    await workshop.getByRole('tab', { name: 'Model' }).click();
    await shows(workshop, /offline · [1-9]\d* prompt tokens · \d+ messages/);
    await shows(workshop.getByRole('list', { name: 'Messages of the request' }), 'what passes?');
    const entries = await page.evaluate(readJournal);
    expect(entries).toContain('MESSAGE_CREATE');
    for (const { token } of program.people) expect(entries).not.toContain(token);
    expect(entries).not.toMatch(/"token":"(?!\[)[^"]{20}/);
  });

  test('after a dropped connection the next mention is answered', async () => {
    const { page, box, answers } = await visit(await openThread('drop'));
    await makeTrouble(page, 'Drop the connection');
    await send(box, '@Parley are you there?');
    await shows(answers, 'are you there?');
  });

  test('a chat API that fails is told in the bot’s own sentence', async () => {
    const { page, box, answers } = await visit(await openThread('failure'));
    await page.getByRole('button', { name: 'Workshop', exact: true }).click();
    await page.getByRole('tab', { name: 'Trouble' }).click();
    await page.getByRole('combobox', { name: 'How the chat API refuses' }).selectOption('key');
    await page.getByRole('button', { name: 'Refuse' }).click();
    await shows(page.locator('body'), 'Refuse: done.');
    await send(box, '@Parley what now?');
    await answers.first().waitFor();
    expect(await answers.first().innerText()).toMatch(/key/i);
    await send(box, '@Parley and now?');
    await shows(answers, 'and now?');
  });

  test('one’s own message can be changed, replied to, reacted to and deleted', async () => {
    const { page, box, messages } = await visit(await openThread('messages'));
    await send(box, 'Frist words');
    await shows(messages, 'Frist words');
    await page.keyboard.press('ArrowUp');
    await page.getByRole('textbox', { name: 'Edit message' }).fill('First words');
    await page.keyboard.press('Enter');
    await shows(messages, /First words \(edited\)/);
    await messages.last().hover();
    await page.getByRole('button', { name: 'Reply' }).click();
    await shows(page.locator('.reply-bar'), 'Replying to Ada');
    await send(box, 'Second words');
    await shows(messages, 'Second words');
    await page.getByRole('button', { name: 'In reply to Ada: First words' }).waitFor();
    await messages.last().hover();
    await page.getByRole('button', { name: 'React with 👍' }).click();
    await page.getByRole('button', { name: '👍, 1', pressed: true }).click();
    await page.getByRole('button', { name: '👍, 1' }).waitFor({ state: 'detached' });
    await messages.last().hover();
    await page.getByRole('button', { name: 'Delete' }).click();
    await messages.filter({ hasText: 'Second words' }).waitFor({ state: 'detached' });
  });

  test('a file is sent, and comes back byte for byte', async () => {
    const { page, box, messages } = await visit(await openThread('files'));
    await page.getByLabel('Upload files').setInputFiles({
      name: 'poem.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('roses\n'),
    });
    await send(box, 'A poem');
    await shows(messages, 'poem.txt');
    const downloads = page.waitForEvent('download');
    await page.getByRole('link', { name: /poem\.txt/ }).click();
    expect(readFileSync(await (await downloads).path(), 'utf8')).toBe('roses\n');
  });

  test('a mention is answered in a thread that is opened from a message, and in a direct conversation', async () => {
    const { page, box, messages, answers } = await visit(general);
    await send(box, 'Let us go aside');
    await shows(messages, 'Let us go aside');
    await messages.last().hover();
    await page.getByRole('button', { name: 'Create thread' }).click();
    await page.getByRole('heading', { name: 'Let us go aside' }).first().waitFor();
    await send(page.getByRole('combobox', { name: 'Message Let us go aside' }), '@Parley in here?');
    await shows(answers, 'in here?');
    const channels = page.getByRole('navigation', { name: 'Channels' });
    await channels.locator(':is(a, button)').filter({ hasText: 'Parley' }).click();
    await send(page.getByRole('combobox', { name: 'Message @Parley' }), 'Just us?');
    await shows(answers, 'Just us?');
  });

  test('the keyboard alone is enough', async () => {
    const { page, box, messages } = await visit(await openThread('keyboard'));
    expect(await hasFocus(box)).toBe(true);
    await page.keyboard.type('@');
    const chosen = page.getByRole('option', { selected: true });
    const first = await chosen.innerText();
    await page.keyboard.press('ArrowDown');
    expect(await chosen.innerText()).not.toBe(first);
    await page.keyboard.press('ArrowUp');
    expect(await chosen.innerText()).toBe(first);
    await page.keyboard.press('Escape');
    await page.getByRole('listbox').waitFor({ state: 'hidden' });
    await page.keyboard.press('Backspace');
    await page.keyboard.type('one');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('two');
    await page.keyboard.press('Enter');
    await shows(messages, /one\s*two/);
    const order = await tabStops(page);
    const places = ['Message keyboard', 'Parley', 'You are Ada. Switch person', 'Workshop'];
    for (const place of places) expect(order.map(({ name }) => name)).toContain(place);
    expect(order.filter(({ name }) => name === '')).toEqual([]);
    expect(order.filter(({ isVisible }) => !isVisible)).toEqual([]);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`the page is ${colorScheme} where the system is, until it is switched`, async () => {
      const { page } = await visit(general, { colorScheme });
      const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const before = brightness(await ground());
      expect(before > 128).toBe(colorScheme === 'light');
      await page.getByRole('button', { name: 'Dark theme' }).click();
      await page.reload();
      expect(brightness(await ground()) > 128).toBe(colorScheme === 'dark');
    });
  }

  test('on a narrow screen everything is reached, and nothing stands out to the side', async () => {
    const { page, box, answers } = await visit(await openThread('narrow'), { viewport: { width: 375, height: 667 } });
    await send(box, '@Parley a table of languages');
    await shows(answers, 'Emoji');
    const width = () => page.evaluate(() => document.documentElement.scrollWidth);
    expect(await width()).toBe(375);
    await page.getByRole('button', { name: 'Channels' }).click();
    await page.getByRole('link', { name: /^Channel garden/ }).click();
    await page.getByRole('heading', { name: 'garden', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Channels' }).click();
    await page.getByRole('button', { name: /Switch person/ }).click();
    await page.getByRole('menuitemradio', { name: 'Bob' }).click();
    await page.locator('[data-person="bob"].page').waitFor();
    await page.getByRole('button', { name: 'Workshop', exact: true }).click();
    await page.getByRole('tab', { name: 'Trouble' }).click();
    await page.getByRole('button', { name: 'Drop the connection' }).scrollIntoViewIfNeeded();
    expect(await width()).toBe(375);
    await page.getByRole('button', { name: 'Close workshop' }).click();
  });

  test('everything that can be pressed or filled in has a name', async () => {
    const { page, box, messages } = await visit(await openThread('names'));
    await send(box, 'something');
    await shows(messages, 'something');
    await messages.last().hover();
    await page.getByRole('button', { name: 'Workshop', exact: true }).click();
    const tree = await page.locator('body').ariaSnapshot();
    // A control without a name stands there as its role alone.
    const nameless = tree
      .split('\n')
      .filter((line) => /^\s*- (button|link|textbox|combobox|checkbox|tab|dialog):?$/.test(line));
    expect(nameless).toEqual([]);
  });

  test('2,000 messages are scrolled through without stutter', { timeout: 40_000 }, async () => {
    const thread = await openThread('crowd');
    await Promise.all(
      Array.from({ length: 20 }, async (_, lane) => {
        for (let number = 0; number < 100; number += 1) {
          const content = `**Message** ${lane}.${number} with \`code\` and a [link](https://example.com)`;
          await program.call(['ada', 'bob', 'cleo'][number % 3] ?? '', 'POST', `/channels/${thread}/messages`, {
            content,
          });
        }
      }),
    );
    const { page, box, messages } = await visit(thread);
    await messages.first().waitFor();
    const measured = await page.evaluate(scrollToStart);
    // What holds a frame up for longer than 50 ms, as a share of the time; and 2,000 messages are more than a few frames.
    expect(measured.heldUp).toBeLessThan(0.5);
    expect(measured.frames).toBeGreaterThan(60);
    expect(await messages.count()).toBe(2000);
    await send(box, 'The last one');
    await shows(messages, 'The last one');
  });

  test('a reload, and a restart of the whole program, leave the history as it was', async () => {
    const { page, box, messages, answers } = await visit(await openThread('history'));
    await send(box, '@Parley remember the **lighthouse**');
    await shows(answers, 'I remember nothing before that.');
    const before = await settled(messages);
    await page.reload();
    await answers.first().waitFor();
    expect(await settled(messages)).toEqual(before);
    await program.restart();
    await page.reload();
    await answers.first().waitFor();
    // The page tried to come back meanwhile, and the browser says so to its console.
    expect(watch.problems.splice(0).filter((problem) => !/WebSocket connection|ERR_/.test(problem))).toEqual([]);
    expect(await settled(messages)).toEqual(before);
    await send(box, '@Parley what do you remember?');
    await shows(answers, 'I remember 1 exchange before that');
  });

  test('the whole run made no connection but to its own address', () => {
    expect([...watch.origins].sort()).toEqual([program.origin]);
  });
});

/** Types a command that needs no options, and uses it. */
async function useCommand(page: Page, box: Locator, name: string): Promise<void> {
  await box.pressSequentially(`/${name}`);
  await page.getByRole('option', { name: new RegExp(`/${name}`) }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Use command' }).click();
}

const hasFocus = (place: Locator): Promise<boolean> => place.evaluate((element) => element === document.activeElement);

async function send(box: Locator, text: string): Promise<void> {
  await box.fill(text);
  await box.press('Enter');
}

/** Orders one of the workshop's troubles. */
async function makeTrouble(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'Workshop', exact: true }).click();
  await page.getByRole('tab', { name: 'Trouble' }).click();
  await page.getByRole('button', { name }).click();
  await page.getByText(`${name}: done.`).waitFor();
}

/** The texts of these when they have stopped changing. */
async function settled(places: Locator): Promise<string[]> {
  let texts: string[] = [];
  await expect
    .poll(
      async () => {
        const before = texts;
        texts = await places.allInnerTexts();
        return texts.length > 0 && texts.join() === before.join();
      },
      { interval: 500, timeout: 10_000 },
    )
    .toBe(true);
  return texts;
}

/** What the Tab key comes by, once around. */
async function tabStops(page: Page) {
  const stops: { name: string; isVisible: boolean }[] = [];
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(() => {
      const at = document.activeElement;
      if (at === null || at === document.body) return undefined;
      const labels = (at.getAttribute('aria-labelledby') ?? '').split(' ');
      const labelled = labels.map((id) => document.getElementById(id)?.textContent ?? '').join(' ');
      const box = at.getBoundingClientRect();
      return {
        name: (at.getAttribute('aria-label') ?? (labelled.trim() || at.textContent) ?? '').trim(),
        isVisible: box.width > 0 && box.height > 0,
      };
    });
    if (stop === undefined) continue;
    if (stops.length > 0 && stop.name === stops[0]?.name) return stops;
    stops.push(stop);
  }
  throw new Error(`The Tab key does not come back: ${stops.map(({ name }) => name).join(', ')}`);
}

/** How bright a colour of the kind `rgb(1, 2, 3)` is, up to 255. */
const brightness = (color: string): number => Math.max(...(color.match(/\d+/g) ?? []).slice(0, 3).map(Number));

// These two run in the page.

/** Everything that the journal tells at once. */
async function readJournal(): Promise<string> {
  const source = new EventSource('/sandbox/journal');
  let all = '';
  source.addEventListener('message', ({ data }) => {
    all += `${data}\n`;
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  source.close();
  return all;
}

/** Scrolls up until there is nothing older, frame by frame; tells how much of that time went into tasks that held frames up. */
async function scrollToStart() {
  const scroller = document.querySelector('.scroller');
  if (scroller === null) throw new Error('There is nothing to scroll');
  let longMs = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longMs += duration;
  });
  observer.observe({ type: 'longtask' });
  const start = performance.now();
  let frames = 0;
  for (let still = 0; still < 60; frames += 1) {
    const before = scroller.scrollTop;
    scroller.scrollBy({ top: -300, behavior: 'instant' });
    await new Promise(requestAnimationFrame);
    still = scroller.scrollTop === before ? still + 1 : 0;
  }
  observer.disconnect();
  return { frames, heldUp: longMs / (performance.now() - start) };
}
