import { element, icon } from './dom.js';
import type { Link } from './gateway.js';
import { openChannel, type State, titleOf } from './state.js';

const links: Readonly<Record<Link, string>> = {
  connecting: 'Connecting…',
  open: '',
  lost: 'Connection lost. Reconnecting…',
  refused: 'The sandbox does not know this person any more. Reload the page.',
};

/** What channel this is, how the connection stands, and the way to the rooms and the workshop. */
export function createHeader(toggleRooms: HTMLElement, ...buttons: readonly HTMLElement[]) {
  const sign = element('span', { class: 'channel-sign' });
  const title = element('h2', { id: 'channel-title' });
  const topic = element('span', { class: 'topic' });
  const link = element('span', { class: 'link', role: 'status' });
  const box = element(
    'header',
    { class: 'channel-header' },
    toggleRooms,
    sign,
    title,
    topic,
    link,
    element('div', { class: 'header-buttons' }, buttons),
  );
  return {
    element: box,
    show(state: State): void {
      if (link.textContent !== links[state.link]) link.textContent = links[state.link];
      const channel = openChannel(state);
      if (channel === undefined) return;
      const name = titleOf(state, channel);
      sign.replaceChildren(icon(({ text: 'hash', thread: 'thread', direct: 'speech' } as const)[channel.kind]));
      title.textContent = name;
      topic.textContent = channel.topic ?? '';
      document.title = `${channel.kind === 'text' ? '#' : ''}${name} · Parley sandbox`;
    },
  };
}
