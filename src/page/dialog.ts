import type { Client } from './client.js';
import { element, icon } from './dom.js';
import type { OpenedDialog, State } from './state.js';
import { type Place, renderText } from './text.js';

/** What the page reads of what stands in a dialog box: inputs, their labels and texts ("Modal"). */
interface Part {
  readonly type: number;
  readonly custom_id?: string;
  readonly label?: string;
  readonly description?: string;
  readonly style?: number;
  readonly value?: string;
  readonly placeholder?: string;
  readonly required?: boolean;
  readonly min_length?: number;
  readonly max_length?: number;
  readonly content?: string;
  readonly components?: readonly Part[];
  readonly component?: Part;
}

/** Shows the dialog box that an app has opened, and sends it off. `closed` takes the focus back. */
export function createDialogs(client: Client, closed: () => void) {
  const host = element('div');
  let shown: OpenedDialog | undefined;

  function show(state: State): void {
    if (state.dialog === shown) return;
    shown = state.dialog;
    const box = shown && dialogBox(shown, client, { state, guildId: state.channels.get(shown.channelId)?.guildId });
    host.replaceChildren(...(box ? [box] : []));
    if (box) box.showModal();
    else closed();
  }

  return { element: host, show };
}

function dialogBox(dialog: OpenedDialog, client: Client, place: Place): HTMLDialogElement {
  // Rows, labels and texts have these fields, each optional.
  const parts = dialog.box.components as unknown as readonly Part[];
  const fields = new Map<string, HTMLInputElement | HTMLTextAreaElement>();
  const submit = (event: Event) => {
    event.preventDefault();
    void client.submit(dialog, new Map([...fields].map(([id, field]) => [id, field.value])));
  };
  const inside = parts.flatMap((part): HTMLElement[] => {
    if (part.type === 10) return [element('div', { class: 'formatted' }, renderText(part.content ?? '', place))];
    return [...(part.components ?? []), ...(part.component ? [part.component] : [])].map((input) => {
      const field = textField(input);
      field.autofocus = fields.size === 0;
      fields.set(input.custom_id ?? '', field);
      const label = part.label ?? input.label ?? '';
      return element(
        'label',
        { class: 'field' },
        element('span', { class: 'field-name' }, label, input.required === false ? '' : ' *'),
        part.description === undefined ? undefined : element('span', { class: 'hint' }, part.description),
        field,
      );
    });
  });
  return element(
    'dialog',
    { class: 'dialog', 'aria-labelledby': 'dialog-title', on: { cancel: () => client.closeDialog() } },
    element(
      'form',
      { on: { submit } },
      element(
        'header',
        {},
        element('h2', { id: 'dialog-title' }, dialog.box.title),
        element(
          'button',
          { type: 'button', class: 'icon-button', 'aria-label': 'Close', on: { click: () => client.closeDialog() } },
          icon('close'),
        ),
      ),
      element('div', { class: 'fields' }, inside),
      element(
        'footer',
        {},
        element(
          'button',
          { type: 'button', class: 'button link', on: { click: () => client.closeDialog() } },
          'Cancel',
        ),
        element('button', { type: 'submit', class: 'button primary' }, 'Submit'),
      ),
    ),
  );
}

const paragraph = 2;

function textField(part: Part): HTMLInputElement | HTMLTextAreaElement {
  const { style, value = '', placeholder, required = true, min_length, max_length = 4000 } = part;
  const features = { placeholder, required, minlength: min_length, maxlength: max_length };
  const field = style === paragraph ? element('textarea', { ...features, rows: 8 }) : element('input', features);
  field.value = value;
  return field;
}
