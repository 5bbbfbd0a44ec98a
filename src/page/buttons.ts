import type { APIMessage } from 'discord-api-types/v10';
import type { Client } from './client.js';
import { element } from './dom.js';
import type { Use } from './state.js';
import { type Place, renderText } from './text.js';

/** What the page reads of a component; the rest of what Discord has is left aside ("Component Reference"). */
interface Component {
  readonly type: number;
  readonly components?: readonly Component[];
  readonly accessory?: Component;
  readonly custom_id?: string;
  readonly label?: string;
  readonly style?: number;
  readonly url?: string;
  readonly disabled?: boolean;
  readonly emoji?: { readonly name?: string };
  readonly content?: string;
  readonly placeholder?: string;
  readonly options?: readonly { readonly label: string; readonly value: string; readonly default?: boolean }[];
}

const looks: Readonly<Record<number, string>> = { 1: 'primary', 2: 'secondary', 3: 'success', 4: 'danger', 5: 'link' };

interface Pressing {
  readonly message: APIMessage;
  readonly client: Client;
  readonly uses: readonly Use[];
  readonly place: Place;
}

/** The buttons, menus and texts that an app put under its message. */
export function componentElements(pressing: Pressing): HTMLElement[] {
  // Read as what all components have in common, each field of it optional.
  const components = (pressing.message.components ?? []) as unknown as readonly Component[];
  return components.flatMap((component) => show(component, pressing));
}

function show(component: Component, pressing: Pressing): HTMLElement[] {
  const inner = [...(component.components ?? []), ...(component.accessory ? [component.accessory] : [])];
  switch (component.type) {
    case 1:
      return [
        element(
          'div',
          { class: 'buttons', role: 'group' },
          inner.flatMap((one) => show(one, pressing)),
        ),
      ];
    case 2:
      return [button(component, pressing)];
    case 3:
      return [menu(component, pressing)];
    case 9:
    case 17:
      return [
        element(
          'div',
          { class: 'container' },
          inner.flatMap((one) => show(one, pressing)),
        ),
      ];
    case 10:
      return [element('div', { class: 'formatted' }, renderText(component.content ?? '', pressing.place))];
    case 14:
      return [element('hr')];
    default:
      return [];
  }
}

const isBusy = ({ uses }: Pressing, customId: string): boolean =>
  uses.some((use) => use.customId === customId && use.failure === undefined);

function button(component: Component, pressing: Pressing): HTMLElement {
  const { custom_id = '', label = '', style = 2, url, disabled = false, emoji } = component;
  const words = [emoji?.name, label].filter(Boolean).join(' ');
  const look = `button ${looks[style] ?? 'secondary'}`;
  if (url !== undefined && /^https?:/.test(url)) {
    return element('a', { class: look, href: url, target: '_blank', rel: 'noopener noreferrer' }, words);
  }
  const busy = isBusy(pressing, custom_id);
  const { client, message } = pressing;
  const press = () => void client.press(message, custom_id, component.type);
  return element(
    'button',
    { type: 'button', class: look, disabled: disabled || busy, 'aria-busy': busy, on: { click: press } },
    words,
  );
}

function menu(
  { type, custom_id = '', placeholder = 'Make a selection', options = [], disabled = false }: Component,
  pressing: Pressing,
): HTMLElement {
  const select = element(
    'select',
    {
      'aria-label': placeholder,
      disabled: disabled || isBusy(pressing, custom_id),
      on: { change: () => void pressing.client.press(pressing.message, custom_id, type, [select.value]) },
    },
    element('option', { value: '', hidden: true }, placeholder),
    options.map(({ label, value, default: isChosen = false }) =>
      element('option', { value, selected: isChosen }, label),
    ),
  );
  return select;
}
