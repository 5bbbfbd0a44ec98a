import { element } from './dom.js';
import { typingEnded } from './events.js';
import { nameOf, openChannel, type State } from './state.js';
import type { Store } from './store.js';

/** Who is typing in the open channel. */
export function createTyping(store: Store<State>) {
  const box = element('div', { class: 'typing', 'aria-live': 'off' });
  const words = element('span');
  const dots = element('span', { class: 'dots', 'aria-hidden': 'true' }, element('i'), element('i'), element('i'));
  let timer: ReturnType<typeof setTimeout> | undefined;

  function show(state: State): void {
    const channel = openChannel(state);
    const people = [...(state.typing.get(channel?.id ?? '') ?? [])].filter(([id]) => id !== state.me?.id);
    const names = people.map(([id]) => nameOf(state, id, channel?.guildId));
    const text = sentence(names);
    if (words.textContent !== text) words.textContent = text;
    box.replaceChildren(...(names.length > 0 ? [dots, words] : []));
    clearTimeout(timer);
    const next = Math.min(...[...state.typing.values()].flatMap((typing) => [...typing.values()]));
    if (!Number.isFinite(next)) return;
    timer = setTimeout(() => store.change((now) => typingEnded(now, Date.now())), Math.max(0, next - Date.now()) + 10);
  }

  return { element: box, show };
}

function sentence(names: readonly string[]): string {
  if (names.length === 0) return '';
  if (names.length > 3) return 'Several people are typing…';
  const list = new Intl.ListFormat('en', { type: 'conjunction' }).format(names);
  return `${list} ${names.length === 1 ? 'is' : 'are'} typing…`;
}
