import type { Client } from './client.js';
import { element, icon } from './dom.js';
import { historyOf } from './history.js';
import { nameOf, openChannel, type State } from './state.js';

/** Whom the message that is being written replies to. */
export function createReplyBar(client: Client) {
  const name = element('strong');
  const bar = element(
    'div',
    { class: 'reply-bar', hidden: true },
    element('span', {}, 'Replying to ', name),
    element(
      'button',
      {
        type: 'button',
        class: 'icon-button',
        'aria-label': 'Do not reply',
        on: { click: () => client.replyingTo(undefined) },
      },
      icon('close'),
    ),
  );
  return {
    element: bar,
    show(state: State): void {
      const channel = openChannel(state);
      const message = historyOf(state, channel?.id ?? '').messages.find(({ id }) => id === state.replyingTo);
      bar.hidden = message === undefined;
      name.textContent = message ? nameOf(state, message.author.id, channel?.guildId) : '';
    },
  };
}
