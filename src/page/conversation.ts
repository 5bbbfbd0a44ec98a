import type { APIMessage } from 'discord-api-types/v10';
import type { Client } from './client.js';
import { arrange, element, icon, rove } from './dom.js';
import { createEmojiPicker } from './emoji-picker.js';
import { historyOf } from './history.js';
import { type Row, rows } from './rows.js';
import { type Channel, openChannel, type State, titleOf } from './state.js';
import { createToolbar } from './toolbar.js';

interface Built {
  readonly element: HTMLElement;
  depends: readonly unknown[];
}

/** The messages of the open channel. */
export function createConversation(client: Client, mayManage: boolean) {
  const feed = element('div', { class: 'feed', role: 'feed' });
  const welcome = element('div', { class: 'welcome' });
  // The scroller runs from the bottom: it stays at the newest message, and what is older can come without a jump.
  const scroller = element(
    'div',
    { class: 'scroller', on: { scroll: scrolled } },
    element('div', { class: 'scrolled' }, welcome, feed),
  );
  const toPresent = element(
    'button',
    { type: 'button', class: 'to-present', hidden: true, on: { click: () => scroller.scrollTo({ top: 0 }) } },
    'Jump to present ',
    icon('down'),
  );
  const picker = createEmojiPicker();
  const box = element('div', { class: 'conversation' }, scroller, toPresent, picker.element);
  const built = new Map<string, Built>();
  let latest: State | undefined;
  let shownChannel: string | undefined;
  const messageOf = (article: Element | null): APIMessage | undefined =>
    latest &&
    historyOf(latest, shownChannel ?? '').messages.find(({ id }) => id === article?.getAttribute('data-message-id'));
  const toolbar = createToolbar(client, mayManage, picker, () => latest);
  rove(feed, () => [...feed.querySelectorAll<HTMLElement>(':scope > article')]);
  for (const event of ['pointerover', 'focusin'] as const) {
    feed.addEventListener(event, ({ target }) => {
      const article = target instanceof Element ? target.closest<HTMLElement>('article') : null;
      const message = messageOf(article);
      if (article && message) toolbar.attach(article, message);
    });
  }
  feed.addEventListener('keydown', (event) => {
    const article = event.target instanceof HTMLElement && event.target.matches('article') ? event.target : null;
    const message = messageOf(article);
    if (message && toolbar.key(message, event.key)) event.preventDefault();
  });

  function scrolled(): void {
    toPresent.hidden = scroller.scrollTop > -400;
    const above = scroller.scrollHeight - scroller.clientHeight + scroller.scrollTop;
    if (above < 800) void client.loadOlder();
  }

  function show(state: State): void {
    latest = state;
    const channel = openChannel(state);
    if (channel === undefined) return;
    const isOther = channel.id !== shownChannel;
    if (isOther) built.clear();
    shownChannel = channel.id;
    const { isWhole, isLoaded } = historyOf(state, channel.id);
    feed.setAttribute('aria-label', `Messages in ${titleOf(state, channel)}`);
    feed.setAttribute('aria-busy', `${!isLoaded}`);
    welcome.replaceChildren(...(isWhole ? greeting(state, channel) : []));
    arrange(
      feed,
      rows(state, channel, client).map((row) => build(row)),
    );
    if (!feed.querySelector(':scope > article[tabindex="0"]')) {
      feed.querySelector<HTMLElement>(':scope > article:last-of-type')?.setAttribute('tabindex', '0');
    }
    if (isOther) scroller.scrollTo({ top: 0 });
    // A tall screen may have room for more than a page.
    if (isLoaded && !isWhole && scroller.scrollHeight <= scroller.clientHeight) void client.loadOlder();
  }

  function build(row: Row): HTMLElement {
    const known = built.get(row.key);
    if (known && isSame(known.depends, row.depends)) return known.element;
    const made = known?.element ?? rowElement(row);
    const hadFocus = made.contains(document.activeElement);
    made.className = row.class;
    made.replaceChildren(...element('div', {}, row.build()).childNodes);
    if (row.message) toolbar.restore(made, row.message);
    if (hadFocus) made.focus({ preventScroll: true });
    built.set(row.key, { element: made, depends: row.depends });
    return made;
  }

  return { element: box, show };
}

function rowElement({ key, message }: Row): HTMLElement {
  if (message === undefined) return element('div', { 'data-row': key });
  return element('article', {
    id: `message-${message.id}`,
    tabindex: -1,
    'data-message-id': message.id,
    'data-author-id': message.author.id,
    'aria-labelledby': `author-${message.id} text-${message.id}`,
  });
}

const isSame = (one: readonly unknown[], other: readonly unknown[]): boolean =>
  one.length === other.length && one.every((value, index) => Object.is(value, other[index]));

function greeting(state: State, channel: Channel): HTMLElement[] {
  const title = titleOf(state, channel);
  const [head, words] = {
    text: [`Welcome to #${title}!`, `This is the start of the #${title} channel.`],
    thread: [title, 'This is the start of the thread.'],
    direct: [title, `This is the beginning of your direct message history with ${title}.`],
  }[channel.kind] as [string, string];
  return [element('h2', {}, head), element('p', {}, words)];
}
