import type { APIMessage } from 'discord-api-types/v10';
import { learn, peopleOf } from './people.js';
import { type History, type State, withEntry } from './state.js';

/** "Message Flags" */
export const messageFlags = { hasThread: 1 << 5, ephemeral: 1 << 6, loading: 1 << 7 } as const;

export const hasFlag = ({ flags }: APIMessage, flag: keyof typeof messageFlags): boolean =>
  (Number(flags ?? 0) & messageFlags[flag]) !== 0;

const empty: History = { messages: [], isLoaded: false, isWhole: false };

export const historyOf = (state: State, channelId: string): History => state.histories.get(channelId) ?? empty;

/** Compares the age of two ids; the older comes first. */
export const byAge = (one: string, other: string): number =>
  one.length - other.length || (one < other ? -1 : Number(one !== other));

/** Puts messages in among those that are there; one that is there already is replaced. */
export function merge(messages: readonly APIMessage[], more: readonly APIMessage[]): readonly APIMessage[] {
  const last = messages.at(-1);
  const [only] = more;
  // By far the most frequent case: a new message behind all others.
  if (more.length === 1 && only && (!last || byAge(last.id, only.id) < 0)) return [...messages, only];
  const byId = new Map([...messages, ...more].map((message) => [message.id, message]));
  return [...byId.values()].sort((one, other) => byAge(one.id, other.id));
}

function changeHistory(state: State, channelId: string, change: (history: History) => History): State {
  const changed = change(historyOf(state, channelId));
  return { ...state, histories: withEntry(state.histories, channelId, changed) };
}

export const putMessage = (state: State, message: APIMessage): State =>
  changeHistory(state, message.channel_id, (history) => ({
    ...history,
    messages: merge(history.messages, [message]),
  }));

/** A message of one's own was taken. What the gateway told of it meanwhile is newer than the answer; but it may be away. */
export function sent(state: State, message: APIMessage, nonce: string): State {
  const outgoing = state.outgoing.filter((one) => one.nonce !== nonce);
  const isKnown = historyOf(state, message.channel_id).messages.some(({ id }) => id === message.id);
  return isKnown ? { ...state, outgoing } : putMessage({ ...state, outgoing }, message);
}

/** Changes a message that is known; one that is not stays so. */
export function changeMessage(
  state: State,
  channelId: string,
  id: string,
  change: (message: APIMessage) => APIMessage,
): State {
  if (!historyOf(state, channelId).messages.some((message) => message.id === id)) return state;
  return changeHistory(state, channelId, (history) => ({
    ...history,
    messages: history.messages.map((message) => (message.id === id ? change(message) : message)),
  }));
}

/** Takes messages away, and marks what replied to them. */
export const removeMessages = (state: State, channelId: string, ids: readonly string[]): State =>
  changeHistory(state, channelId, (history) => ({
    ...history,
    messages: history.messages
      .filter(({ id }) => !ids.includes(id))
      .map((message) =>
        ids.includes(message.referenced_message?.id ?? '') ? { ...message, referenced_message: null } : message,
      ),
  }));

/** A page of a channel has come, as Discord sends it: the newest first, and fewer than asked for when there is no more. */
export function pageLoaded(
  state: State,
  channelId: string,
  page: readonly APIMessage[],
  limit: number,
  isNewest: boolean,
): State {
  const known = { ...state, users: learn(state.users, page.flatMap(peopleOf)) };
  return changeHistory(known, channelId, (history) => ({
    messages: merge(history.messages, page),
    isLoaded: true,
    isWhole: page.length < limit || (history.isWhole && !isNewest),
  }));
}

/** After a connection that could not be resumed nothing is sure any more, but what was for this person's eyes only is nowhere else. */
export const forgetHistories = (histories: State['histories']): State['histories'] =>
  new Map(
    [...histories].map(([id, { messages }]) => [
      id,
      { ...empty, messages: messages.filter((message) => hasFlag(message, 'ephemeral')) },
    ]),
  );
