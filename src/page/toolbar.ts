import type { APIMessage } from 'discord-api-types/v10';
import type { Client } from './client.js';
import { element, icon } from './dom.js';
import { frequentEmojis } from './emoji.js';
import type { createEmojiPicker } from './emoji-picker.js';
import { hasFlag } from './history.js';
import { openChannel, type State } from './state.js';
import { plainWords } from './text.js';

/** What can be done to a message: one toolbar, which goes to the message that the pointer or the focus is on. */
export function createToolbar(
  client: Client,
  mayManage: boolean,
  picker: ReturnType<typeof createEmojiPicker>,
  state: () => State | undefined,
) {
  const bar = element('div', { class: 'toolbar', role: 'toolbar', 'aria-label': 'Message actions' });
  let at: HTMLElement | undefined;
  let shown: APIMessage | undefined;

  const actions = (message: APIMessage) => {
    const isOwn = message.author.id === state()?.me?.id;
    const isHidden = hasFlag(message, 'ephemeral');
    const current = state();
    const isText = current !== undefined && openChannel(current)?.kind === 'text';
    return [
      { name: 'Reply', shape: 'reply', key: 'r', may: !isHidden, act: () => client.replyingTo(message.id) },
      { name: 'Edit', shape: 'pencil', key: 'e', may: isOwn && !isHidden, act: () => client.editing(message.id) },
      {
        name: 'Create thread',
        shape: 'thread',
        key: 't',
        may: isText && !isHidden && !hasFlag(message, 'hasThread'),
        act: () => void client.openThread(message, threadName(message, state())),
      },
      {
        name: 'Delete',
        shape: 'bin',
        key: 'Delete',
        may: isOwn || mayManage || isHidden,
        act: () => void client.remove(message),
      },
    ] as const;
  };

  function fill(message: APIMessage): void {
    const isHidden = hasFlag(message, 'ephemeral');
    bar.replaceChildren(
      ...(isHidden ? [] : [...frequentEmojis.map((emoji) => emojiButton(message, emoji)), moreEmojis(message)]),
      ...actions(message)
        .filter(({ may }) => may)
        .map(({ name, shape, act }) =>
          element('button', { type: 'button', 'aria-label': name, title: name, on: { click: act } }, icon(shape)),
        ),
    );
  }

  const emojiButton = (message: APIMessage, emoji: string) =>
    element(
      'button',
      {
        type: 'button',
        class: 'emoji',
        'aria-label': `React with ${emoji}`,
        on: { click: () => void client.react(message, { id: null, name: emoji }) },
      },
      emoji,
    );

  function moreEmojis(message: APIMessage): HTMLElement {
    const react = (emoji: string) => void client.react(message, { id: null, name: emoji });
    const button = element(
      'button',
      {
        type: 'button',
        'aria-label': 'Add reaction',
        title: 'Add reaction',
        on: { click: () => picker.open(button, react) },
      },
      icon('smile'),
    );
    return button;
  }

  return {
    attach(article: HTMLElement, message: APIMessage): void {
      if (at === article && shown === message) return;
      at = article;
      shown = message;
      fill(message);
      article.append(bar);
    },
    /** A message that was built anew has its toolbar still. */
    restore(article: HTMLElement, message: APIMessage): void {
      if (article !== at) return;
      shown = message;
      fill(message);
      article.append(bar);
    },
    /** Does what a key stands for on a message that has the focus. Whether there was something to do. */
    key(message: APIMessage, key: string): boolean {
      const action = actions(message).find((one) => one.key === key && one.may);
      action?.act();
      return action !== undefined;
    },
  };
}

/** A thread is called after the message that it starts from. */
function threadName({ content }: APIMessage, state: State | undefined): string {
  const words = state ? plainWords(content, { state, guildId: openChannel(state)?.guildId }) : content;
  return words.replaceAll(/\s+/g, ' ').trim().slice(0, 60) || 'Thread';
}
