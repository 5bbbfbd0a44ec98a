import { element } from './dom.js';

/** A round picture for somebody: the first letter of the name, on a colour of their own. */
export function avatar(userId: string, name: string): HTMLElement {
  const hue = Number(BigInt(userId || '0') % 6n);
  return element('span', { class: `avatar colour-${hue}`, 'aria-hidden': 'true' }, [...name][0]?.toUpperCase() ?? '?');
}
