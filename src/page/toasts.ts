import { element } from './dom.js';

const shownMs = 6_000;

/** Short words about what just happened, at the bottom; also for screen readers. */
export function createToasts() {
  const box = element('div', { class: 'toasts', role: 'status' });
  return {
    element: box,
    tell(words: string): void {
      const toast = element('div', { class: 'toast' }, words);
      box.append(toast);
      setTimeout(() => toast.remove(), shownMs);
    },
  };
}
