import type { APIMessage } from 'discord-api-types/v10';
import { avatar } from './avatar.js';
import { componentElements } from './buttons.js';
import type { Client } from './client.js';
import { type Child, element, icon } from './dom.js';
import { embedElement } from './embed.js';
import { fileElement } from './files.js';
import { hasFlag } from './history.js';
import { nameOf, type State, type Use } from './state.js';
import { type Place, plainWords, renderText } from './text.js';
import { exactTime, messageTime } from './times.js';

export interface Shown {
  readonly message: APIMessage;
  /** Without avatar and name: the author goes on. */
  readonly isCompact: boolean;
  readonly state: State;
  readonly guildId: string | undefined;
  /** The buttons of this message that were pressed and not answered. */
  readonly uses: readonly Use[];
  readonly client: Client;
}

// "Message Types" that stand for something that happened
const threadCreated = 18;
const threadStarter = 21;

/** Everything inside a message's article. */
export function messageBody(shown: Shown): Child[] {
  const { message } = shown;
  if (message.type === threadCreated) return [announcement(shown)];
  const starter = message.type === threadStarter ? message.referenced_message : undefined;
  if (starter) return messageBody({ ...shown, message: starter, isCompact: false });
  return [
    shown.isCompact ? [] : [above(shown), avatar(message.author.id, authorName(shown))],
    element('div', { class: 'message-body' }, header(shown), contents(shown)),
  ];
}

/** What a message says to who hears it: author and words. */
export function spokenMessage(message: APIMessage, place: Place): string {
  const author = nameOf(place.state, message.author.id, place.guildId);
  const files = message.attachments.map(({ filename }) => `file ${filename}`).join(', ');
  const words = plainWords(message.content, place).slice(0, 400);
  return `${author}: ${[words, files].filter(Boolean).join(', ')}`;
}

const authorName = ({ message, state, guildId }: Shown): string => nameOf(state, message.author.id, guildId);

function announcement(shown: Shown): HTMLElement {
  const { message } = shown;
  return element(
    'div',
    { class: 'announcement' },
    icon('thread'),
    element('strong', {}, authorName(shown)),
    ' started a thread: ',
    element('a', { href: `#${message.message_reference?.channel_id ?? ''}` }, message.content),
    ' ',
    time(message),
  );
}

/** What a message is an answer to: the command that was used, or another message. */
function above({ message, state, guildId }: Shown): HTMLElement | undefined {
  const place = { state, guildId };
  const { interaction, interaction_metadata: metadata, referenced_message: quoted } = message;
  if (interaction && metadata) {
    const name = nameOf(state, metadata.user.id, guildId);
    return element(
      'div',
      { class: 'above' },
      avatar(metadata.user.id, name),
      element('strong', {}, name),
      'used',
      element('span', { class: 'mention' }, `/${interaction.name}`),
    );
  }
  if (message.message_reference === undefined || quoted === undefined) return undefined;
  if (quoted === null) return element('div', { class: 'above' }, element('em', {}, 'Original message was deleted'));
  const name = nameOf(state, quoted.author.id, guildId);
  const words = plainWords(quoted.content, place).slice(0, 200) || 'Click to see the message';
  const go = () => {
    const target = document.getElementById(`message-${quoted.id}`);
    target?.scrollIntoView({ block: 'center' });
    target?.focus();
  };
  return element(
    'button',
    { type: 'button', class: 'above', 'aria-label': `In reply to ${name}: ${words}`, on: { click: go } },
    avatar(quoted.author.id, name),
    element('strong', {}, name),
    element('span', { class: 'quote' }, words),
  );
}

function header(shown: Shown): HTMLElement {
  const { message, isCompact } = shown;
  // Screen readers name every message by its author, so it is there even where it is not seen.
  return element(
    'h3',
    { class: isCompact ? 'message-header unseen' : 'message-header', id: `author-${message.id}` },
    element('span', { class: 'author' }, authorName(shown)),
    message.author.bot ? element('span', { class: 'tag' }, 'APP') : undefined,
    ' ',
    time(message),
  );
}

const time = ({ timestamp }: APIMessage): HTMLElement =>
  element('time', { datetime: timestamp, title: exactTime(timestamp) }, messageTime(timestamp));

function contents(shown: Shown): Child[] {
  const { message, state, guildId, client, uses } = shown;
  const place = { state, guildId };
  const failed = uses.find(({ failure }) => failure !== undefined);
  return [
    hasFlag(message, 'loading') ? thinking(authorName(shown)) : text(message, place),
    message.embeds.map((embed) => embedElement(embed, place)),
    message.attachments.length > 0 ? element('div', { class: 'files' }, message.attachments.map(fileElement)) : [],
    componentElements({ message, client, uses, place }),
    failed ? element('div', { class: 'failure', role: 'status' }, 'This interaction failed') : [],
    reactions(shown),
    threadLink(shown),
    hasFlag(message, 'ephemeral') ? onlyForYou(message, client) : [],
  ];
}

function text(message: APIMessage, place: Place): Child {
  const edited = message.edited_timestamp;
  const mark = edited ? element('span', { class: 'edited', title: exactTime(edited) }, ' (edited)') : undefined;
  if (message.content === '' && mark === undefined) return undefined;
  return element(
    'div',
    { class: 'message-text formatted', id: `text-${message.id}` },
    renderText(message.content, place),
    mark,
  );
}

const thinking = (name: string): HTMLElement =>
  element(
    'div',
    { class: 'thinking' },
    element('span', { class: 'dots', 'aria-hidden': 'true' }, element('i'), element('i'), element('i')),
    `${name} is thinking…`,
  );

function reactions({ message, client }: Shown): Child {
  const all = message.reactions ?? [];
  if (all.length === 0) return undefined;
  return element(
    'div',
    { class: 'reactions', role: 'group', 'aria-label': 'Reactions' },
    all.map(({ emoji, count, me }) =>
      element(
        'button',
        {
          type: 'button',
          class: 'reaction',
          'aria-pressed': `${me}`,
          'aria-label': `${emoji.name}, ${count}`,
          on: { click: () => void client.react(message, emoji) },
        },
        `${emoji.name} `,
        element('span', {}, `${count}`),
      ),
    ),
  );
}

function threadLink({ message, state }: Shown): Child {
  if (!hasFlag(message, 'hasThread')) return undefined;
  const name = state.channels.get(message.id)?.name ?? message.thread?.name ?? 'Thread';
  return element('a', { class: 'thread-link', href: `#${message.id}` }, icon('thread'), name);
}

const onlyForYou = (message: APIMessage, client: Client): HTMLElement =>
  element(
    'div',
    { class: 'only-you' },
    icon('eye'),
    'Only you can see this • ',
    element(
      'button',
      { type: 'button', class: 'plain', on: { click: () => void client.remove(message) } },
      'Dismiss message',
    ),
  );
