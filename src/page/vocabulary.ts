import type { Usable } from './command.js';
import type { Vocabulary } from './completion.js';
import { type Channel, nameOf, peopleIn, type State } from './state.js';

/** What can be spoken of and used in a channel. */
export const vocabularyOf = (state: State, channel: Channel, commands: readonly Usable[]): Vocabulary => ({
  people: peopleIn(state, channel)
    .filter(({ id }) => id !== '')
    .map(({ id, username, bot = false }) => ({
      id,
      name: nameOf(state, id, channel.guildId),
      detail: username,
      isApp: bot,
    })),
  channels: [...state.channels.values()]
    .filter(({ guildId }) => guildId !== undefined && guildId === channel.guildId)
    .map(({ id, name }) => ({ id, name })),
  commands,
});
