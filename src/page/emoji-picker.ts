import { element } from './dom.js';
import { emojis } from './emoji.js';

/** A board of emoji, which opens beside whatever asks for one. */
export function createEmojiPicker() {
  let chosen: (emoji: string) => void = () => {};
  const board = element(
    'div',
    { class: 'picker', popover: 'auto', role: 'group', 'aria-label': 'Emoji' },
    emojis.map(({ emoji, name }) => {
      const choose = () => {
        board.hidePopover();
        chosen(emoji);
      };
      return element('button', { type: 'button', title: name, 'aria-label': name, on: { click: choose } }, emoji);
    }),
  );
  return {
    element: board,
    open(beside: HTMLElement, onChoose: (emoji: string) => void): void {
      chosen = onChoose;
      board.showPopover();
      const { bottom, right } = beside.getBoundingClientRect();
      const { offsetHeight, offsetWidth } = board;
      board.style.setProperty('top', `${Math.max(8, Math.min(bottom + 4, innerHeight - offsetHeight - 8))}px`);
      board.style.setProperty('left', `${Math.max(8, right - offsetWidth)}px`);
      board.querySelector('button')?.focus();
    },
  };
}
