import type { APIMessage } from 'discord-api-types/v10';
import { avatar } from './avatar.js';
import type { Client } from './client.js';
import { type Child, element } from './dom.js';
import { editBox } from './edit-box.js';
import { hasFlag, historyOf } from './history.js';
import { messageBody } from './message.js';
import { type Channel, nameOf, type Outgoing, type State, type Use } from './state.js';
import { renderText } from './text.js';
import { dayOf } from './times.js';

/** Messages of one author within this time stand under one name. */
const sameBreathMs = 7 * 60_000;

/** The newest messages are laid out at once; what is further up, only when it is near to be seen. */
const nearMessages = 60;

/** One row of the conversation: how it is called, on what its look depends, and what is in it. */
export interface Row {
  readonly key: string;
  readonly class: string;
  readonly message?: APIMessage;
  readonly depends: readonly unknown[];
  readonly build: () => Child[];
}

/** What stands in a channel, oldest first: days, messages, and what is on its way. */
export function rows(state: State, channel: Channel, client: Client): Row[] {
  const { messages } = historyOf(state, channel.id);
  const all = messages.flatMap((message, index) => {
    const before = messages[index - 1];
    const isNewDay = before === undefined || dayKey(before) !== dayKey(message);
    const isCompact = !isNewDay && continues(before, message);
    const row = messageRow(state, channel, client, message, {
      isCompact,
      isFar: messages.length - index > nearMessages,
    });
    return isNewDay ? [dayRow(message), row] : [row];
  });
  const outgoing = state.outgoing.filter(({ channelId }) => channelId === channel.id);
  const uses = state.uses.filter(({ channelId, messageId }) => channelId === channel.id && messageId === undefined);
  return [
    ...all,
    ...outgoing.map((one) => outgoingRow(state, channel, client, one)),
    ...uses
      .filter(({ command, failure }) => command !== undefined || failure !== undefined)
      .map((use) => useRow(state, channel, client, use)),
  ];
}

const dayKey = ({ timestamp }: APIMessage): string => new Date(timestamp).toDateString();

function dayRow({ id, timestamp }: APIMessage): Row {
  const day = dayOf(timestamp);
  return { key: `day-${id}`, class: 'day', depends: [day], build: () => [element('span', {}, day)] };
}

/** Whether a message needs no name of its own. */
function continues(before: APIMessage, message: APIMessage): boolean {
  const isPlain = [0, 19, 20].includes(before.type);
  return (
    message.type === 0 &&
    isPlain &&
    before.author.id === message.author.id &&
    hasFlag(before, 'ephemeral') === hasFlag(message, 'ephemeral') &&
    Date.parse(message.timestamp) - Date.parse(before.timestamp) < sameBreathMs
  );
}

function messageRow(
  state: State,
  channel: Channel,
  client: Client,
  message: APIMessage,
  { isCompact, isFar }: { readonly isCompact: boolean; readonly isFar: boolean },
): Row {
  const { guildId } = channel;
  const uses = state.uses.filter(({ messageId }) => messageId === message.id);
  const isEditing = state.editing === message.id;
  const mentionsMe = message.mentions.some(({ id }) => id === state.me?.id) || message.mention_everyone;
  const classes = ['message'];
  if (isCompact) classes.push('compact');
  if (isFar) classes.push('far');
  if (mentionsMe) classes.push('pings');
  if (hasFlag(message, 'ephemeral')) classes.push('ephemeral');
  if (state.replyingTo === message.id) classes.push('chosen');
  const looks = [classes.join(' '), uses.map(({ nonce, failure }) => nonce + failure).join(), state.users];
  return {
    key: message.id,
    class: classes.join(' '),
    message,
    // What is being written must not be taken away by what happens meanwhile.
    depends: isEditing ? ['editing'] : [message, ...looks, state.guilds.get(guildId ?? ''), threadOf(state, message)],
    build: () => {
      const body = messageBody({ message, isCompact, state, guildId, uses, client });
      return isEditing ? [body, editBox(message, channel, state, client)] : body;
    },
  };
}

const threadOf = (state: State, message: APIMessage): Channel | undefined =>
  hasFlag(message, 'hasThread') ? state.channels.get(message.id) : undefined;

function outgoingRow(state: State, { guildId }: Channel, client: Client, outgoing: Outgoing): Row {
  const { nonce, content, files, failure } = outgoing;
  const me = state.me?.id ?? '';
  const name = nameOf(state, me, guildId);
  const names = files.map((file) => file.name).join(', ');
  return {
    key: `outgoing-${nonce}`,
    class: failure === undefined ? 'message outgoing' : 'message outgoing failed',
    depends: [failure],
    build: () => [
      avatar(me, name),
      element(
        'div',
        { class: 'message-body' },
        element('div', { class: 'message-header' }, element('span', { class: 'author' }, name)),
        element('div', { class: 'message-text formatted' }, renderText(content, { state, guildId })),
        names === '' ? undefined : element('div', { class: 'file-size' }, `Sending ${names}`),
        failure === undefined
          ? undefined
          : problem(
              failure,
              () => client.discard(nonce),
              () => client.sendAgain(outgoing),
            ),
      ),
    ],
  };
}

function useRow(state: State, { guildId }: Channel, client: Client, { nonce, command, failure }: Use): Row {
  const me = state.me?.id ?? '';
  const name = nameOf(state, me, guildId);
  return {
    key: `use-${nonce}`,
    class: failure === undefined ? 'message outgoing' : 'message outgoing failed',
    depends: [failure],
    build: () => [
      avatar(me, name),
      element(
        'div',
        { class: 'message-body' },
        command === undefined
          ? undefined
          : element(
              'div',
              {},
              element('strong', {}, name),
              ' used ',
              element('span', { class: 'mention' }, `/${command}`),
            ),
        failure === undefined
          ? element('div', { class: 'thinking' }, 'Sending command…')
          : problem(failure, () => client.discard(nonce)),
      ),
    ],
  };
}

const problem = (failure: string, discard: () => void, again?: () => void): HTMLElement =>
  element(
    'div',
    { class: 'failure', role: 'alert' },
    failure,
    ' ',
    again && element('button', { type: 'button', class: 'plain', on: { click: again } }, 'Try again'),
    ' ',
    element('button', { type: 'button', class: 'plain', on: { click: discard } }, 'Dismiss'),
  );
