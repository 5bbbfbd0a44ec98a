import type { APIMessage } from 'discord-api-types/v10';
import { element } from './dom.js';
import { hasFlag, historyOf } from './history.js';
import { spokenMessage } from './message.js';
import { openChannel, type State } from './state.js';

/** An answer that grows is read once it has stood still for this long. */
const settledMs = 1_500;

/** Says to screen readers what others write in the open channel, and how the connection stands. */
export function createAnnouncer() {
  const region = element('div', { class: 'unseen', role: 'status', 'aria-live': 'polite', id: 'announcer' });
  const said = new Map<string, APIMessage>();
  const waiting = new Map<string, ReturnType<typeof setTimeout>>();
  let channelId: string | undefined;

  function show(state: State): void {
    const channel = openChannel(state);
    const { messages, isLoaded } = historyOf(state, channel?.id ?? '');
    if (channel === undefined || !isLoaded) return;
    const isOther = channel.id !== channelId;
    channelId = channel.id;
    // Only the newest can be new; what a channel has when it is opened is there to be read.
    for (const message of messages.slice(-10)) {
      const isNews = said.get(message.id)?.content !== message.content;
      said.set(message.id, message);
      if (isOther || !isNews || message.author.id === state.me?.id || hasFlag(message, 'loading')) continue;
      clearTimeout(waiting.get(message.id));
      const say = () => {
        waiting.delete(message.id);
        region.textContent = spokenMessage(message, { state, guildId: channel.guildId });
      };
      waiting.set(message.id, setTimeout(say, settledMs));
    }
  }

  return { element: region, show };
}
