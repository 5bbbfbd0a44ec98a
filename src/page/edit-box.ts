import type { APIMessage } from 'discord-api-types/v10';
import type { Client } from './client.js';
import { decodeMentions, encodeMentions } from './completion.js';
import { element } from './dom.js';
import type { Channel, State } from './state.js';
import { vocabularyOf } from './vocabulary.js';

/** The box in which one's own message is changed: Enter saves, Escape leaves it as it was. */
export function editBox(message: APIMessage, channel: Channel, state: State, client: Client): HTMLElement {
  const vocabulary = vocabularyOf(state, channel, []);
  const save = () => {
    const content = encodeMentions(input.value.trim(), vocabulary);
    // To save nothing is to delete, in Discord's client too; here it only leaves the message.
    if (content === '' || content === message.content) client.editing(undefined);
    else void client.edit(message, content);
  };
  const input = element('textarea', {
    'aria-label': 'Edit message',
    rows: 1,
    maxlength: 2000,
    on: {
      keydown(event) {
        event.stopPropagation();
        if (event.isComposing) return;
        if (event.key === 'Escape') client.editing(undefined);
        if (event.key !== 'Enter' || event.shiftKey) return;
        event.preventDefault();
        save();
      },
    },
  });
  input.value = decodeMentions(message.content, vocabulary);
  // It is in the page a moment later.
  requestAnimationFrame(() => input.focus());
  const button = (words: string, click: () => void) =>
    element('button', { type: 'button', class: 'plain', on: { click } }, words);
  return element(
    'div',
    { class: 'edit-box' },
    input,
    element(
      'div',
      { class: 'hint' },
      'escape to ',
      button('cancel', () => client.editing(undefined)),
      ' • enter to ',
      button('save', save),
    ),
  );
}
