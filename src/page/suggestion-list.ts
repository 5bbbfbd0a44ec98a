import type { Suggestion } from './completion.js';
import { element } from './dom.js';

/** The list above the message box: arrow keys choose, Tab or Enter takes, Escape closes. The focus stays in the box ("Combobox Pattern"). */
export function createSuggestionList(input: HTMLElement, accept: (suggestion: Suggestion) => void) {
  const list = element('ul', {
    id: 'suggestions',
    class: 'suggestions',
    role: 'listbox',
    'aria-label': 'Suggestions',
    hidden: true,
  });
  let shown: readonly Suggestion[] = [];
  let chosen = 0;

  /** Shows suggestions; or says why there are none, if that needs saying. */
  function show(suggestions: readonly Suggestion[], none = ''): void {
    shown = suggestions;
    chosen = 0;
    paint();
    if (shown.length > 0 || none === '') return;
    list.hidden = false;
    list.replaceChildren(element('li', { role: 'option', 'aria-disabled': 'true', 'aria-selected': 'false' }, none));
  }

  function paint(): void {
    list.hidden = shown.length === 0;
    input.setAttribute('aria-expanded', `${!list.hidden}`);
    if (list.hidden) input.removeAttribute('aria-activedescendant');
    else input.setAttribute('aria-activedescendant', `suggestion-${chosen}`);
    list.replaceChildren(
      ...shown.map((suggestion, index) =>
        element(
          'li',
          {
            id: `suggestion-${index}`,
            role: 'option',
            'aria-selected': `${index === chosen}`,
            'data-kind': suggestion.kind,
            on: {
              // Before the box loses the focus.
              mousedown(event) {
                event.preventDefault();
                accept(suggestion);
              },
            },
          },
          element('span', { class: 'suggestion-label' }, suggestion.label),
          element('span', { class: 'suggestion-detail' }, suggestion.detail),
        ),
      ),
    );
    list.children[chosen]?.scrollIntoView({ block: 'nearest' });
  }

  /** Whether the key was the list's. */
  function key(event: KeyboardEvent): boolean {
    const suggestion = shown[chosen];
    if (suggestion === undefined || event.shiftKey) return false;
    const acts: Readonly<Record<string, () => void>> = {
      ArrowDown: () => move(1),
      ArrowUp: () => move(-1),
      Enter: () => accept(suggestion),
      Tab: () => accept(suggestion),
      Escape: () => show([]),
    };
    const act = acts[event.key];
    if (act === undefined) return false;
    event.preventDefault();
    act();
    return true;
  }

  function move(by: number): void {
    chosen = (chosen + by + shown.length) % shown.length;
    paint();
  }

  return { element: list, show, key };
}
