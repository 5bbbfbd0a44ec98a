import { avatar } from './avatar.js';
import type { Client } from './client.js';
import { arrange, element, icon, rove } from './dom.js';
import { byAge } from './history.js';
import type { Home, Person } from './home.js';
import { type Channel, type Guild, nameOf, type State, titleOf } from './state.js';

/** The servers, their channels with threads, and direct conversations, at the left. */
export function createRooms(home: Home, client: Client, personPanel: HTMLElement) {
  const servers = element('nav', { class: 'servers', 'aria-label': 'Servers' });
  const title = element('h1', { class: 'server-name' });
  const list = element('div', { class: 'channels' });
  const box = element(
    'div',
    { class: 'rooms' },
    servers,
    element('div', { class: 'column' }, title, element('nav', { 'aria-label': 'Channels' }, list), personPanel),
  );
  rove(list, () => [...list.querySelectorAll<HTMLElement>('a, button')]);
  const links = new Map<string, HTMLElement>();

  function show(state: State): void {
    const open = state.channels.get(state.openChannelId ?? '');
    const guild = state.guilds.get(home.guildId);
    title.textContent = guild?.name ?? home.application.name;
    servers.replaceChildren(...[...state.guilds.values()].map((one) => serverLink(state, one, open)));
    const channels = [...state.channels.values()].sort((one, other) => byAge(one.id, other.id));
    const texts = channels.filter(({ kind, guildId }) => kind === 'text' && guildId === home.guildId);
    const directs = channels.filter(({ kind }) => kind === 'direct');
    const hasDirect = directs.some(({ recipientId }) => recipientId === home.application.id);
    arrange(list, [
      heading('text-heading', 'Text channels'),
      ...texts.flatMap((channel) => [
        link(state, channel),
        ...channels
          .filter((one) => one.parentId === channel.id && (!one.isArchived || one.id === open?.id))
          .map((thread) => link(state, thread)),
      ]),
      heading('direct-heading', 'Direct messages'),
      ...directs.map((channel) => link(state, channel)),
      ...(hasDirect ? [] : [newDirect()]),
    ]);
    if (!list.querySelector('[tabindex="0"]')) list.querySelector('a')?.setAttribute('tabindex', '0');
  }

  /** The same element for the same thing, so that the focus stays where it is. */
  function once(key: string, make: () => HTMLElement): HTMLElement {
    const made = links.get(key) ?? make();
    links.set(key, made);
    return made;
  }

  const heading = (key: string, words: string) => once(key, () => element('h2', {}, words));

  const newDirect = () =>
    once('new-direct', () => {
      const { id, name } = home.application;
      return element(
        'button',
        { type: 'button', class: 'channel', tabindex: -1, on: { click: () => void client.openDirect(id) } },
        avatar(id, name),
        element('span', { class: 'channel-name' }, name),
      );
    });

  function link(state: State, channel: Channel): HTMLElement {
    const made = once(channel.id, () => element('a', { href: `#${channel.id}`, tabindex: -1 }));
    const { messages = 0, pings = 0 } = state.unread.get(channel.id) ?? {};
    const name = titleOf(state, channel);
    const isOpen = channel.id === state.openChannelId;
    const look = [name, messages, pings, isOpen].join();
    if (made.dataset.look === look) return made;
    made.dataset.look = look;
    made.className = `channel ${channel.kind}${messages > 0 ? ' unread' : ''}`;
    if (isOpen) made.setAttribute('aria-current', 'page');
    else made.removeAttribute('aria-current');
    made.setAttribute('aria-label', `${kinds[channel.kind]} ${name}${messages > 0 ? `, ${messages} unread` : ''}`);
    made.replaceChildren(
      channelSign(channel, name),
      element('span', { class: 'channel-name' }, name),
      ...(pings > 0 ? [element('span', { class: 'badge' }, `${pings}`)] : []),
    );
    return made;
  }

  return { element: box, show };
}

const channelSign = ({ kind, recipientId = '' }: Channel, name: string): Element =>
  kind === 'direct' ? avatar(recipientId, name) : icon(kind === 'text' ? 'hash' : 'thread');

const kinds = { text: 'Channel', thread: 'Thread', direct: 'Direct messages with' } as const;

function serverLink(state: State, { id, name }: Guild, open: Channel | undefined): HTMLElement {
  const first = [...state.channels.values()].find(({ guildId, kind }) => guildId === id && kind === 'text');
  const initials = name
    .split(/\s+/)
    .map((word) => [...word][0] ?? '')
    .join('')
    .slice(0, 3);
  return element(
    'a',
    {
      class: 'server',
      href: `#${first?.id ?? ''}`,
      title: name,
      'aria-label': name,
      'aria-current': open?.guildId === id ? 'true' : undefined,
    },
    initials,
  );
}

/** Who one is, and who else one can be. */
export function createPersonPanel(
  home: Home,
  person: Person,
  become: (other: Person) => void,
  ...buttons: HTMLElement[]
) {
  const about = ({ username, mayManage }: Person) => `${username}${mayManage ? ' · may manage channels' : ''}`;
  const menu = element(
    'div',
    { class: 'people', popover: 'auto', role: 'menu', 'aria-label': 'Switch person' },
    home.people.map((one) =>
      element(
        'button',
        {
          type: 'button',
          role: 'menuitemradio',
          'aria-checked': `${one.id === person.id}`,
          'data-person': one.username,
          on: {
            click() {
              menu.hidePopover();
              if (one.id !== person.id) become(one);
            },
          },
        },
        avatar(one.id, one.name),
        element('span', {}, element('strong', {}, one.name), element('small', {}, about(one))),
        one.id === person.id ? icon('check') : undefined,
      ),
    ),
  );
  rove(menu, () => [...menu.querySelectorAll('button')]);
  menu.addEventListener('toggle', () => menu.querySelector<HTMLElement>('[aria-checked="true"]')?.focus());
  const open = element(
    'button',
    {
      type: 'button',
      class: 'person',
      'aria-haspopup': 'menu',
      'aria-label': `You are ${person.name}. Switch person`,
      on: { click: () => menu.togglePopover() },
    },
    avatar(person.id, person.name),
    element('span', {}, element('strong', {}, person.name), element('small', {}, 'Switch person')),
  );
  const panel = element('div', { class: 'person-panel' }, menu, open, buttons);
  return {
    element: panel,
    show(state: State): void {
      panel.dataset.link = state.link;
      const name = nameOf(state, person.id, home.guildId);
      open.setAttribute('aria-label', `You are ${name === 'Unknown' ? person.name : name}. Switch person`);
    },
  };
}
