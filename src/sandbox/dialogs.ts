import {
  type APIModalInteractionResponseCallbackData,
  type APIModalSubmission,
  type APITextInputComponent,
  ComponentType,
} from 'discord-api-types/v10';
import { invalid, Refusal } from './refusal.js';
import { characters } from './schema.js';

export type Dialog = APIModalInteractionResponseCallbackData;

const maxTextCharacters = 4000;

/** The text inputs of a dialog box, in order. */
export const textInputs = (dialog: Dialog): APITextInputComponent[] =>
  dialog.components.flatMap((row): APITextInputComponent[] => {
    const inner =
      row.type === ComponentType.Label ? [row.component] : row.type === ComponentType.ActionRow ? row.components : [];
    return inner.flatMap((component) => (component.type === ComponentType.TextInput ? [component] : []));
  });

/** Throws 50035 for a dialog box whose inputs are not told apart, and 501 for one that has more than text inputs. */
export function checkDialog(dialog: Dialog): void {
  const ids = textInputs(dialog).map(({ custom_id }) => custom_id);
  const others = dialog.components.filter(({ type }) => type !== ComponentType.TextDisplay).length - ids.length;
  if (others !== 0) throw new Refusal(501, 0, 'The sandbox has text inputs in dialog boxes, one a row, and texts');
  if (new Set(ids).size === ids.length) return;
  throw invalid(['data', 'components'], 'COMPONENT_CUSTOM_ID_DUPLICATED', 'Component custom id cannot be duplicated');
}

/** The `custom_id` and value of each input that a client sends. */
export type Entries = ReadonlyMap<string, string>;

/** What an app gets when a dialog box is submitted. Throws 50035 for what Discord's client would not let pass. */
export function submission(dialog: Dialog, entries: Entries): APIModalSubmission {
  const inputs = textInputs(dialog);
  const unknown = [...entries.keys()].find((id) => !inputs.some(({ custom_id }) => custom_id === id));
  if (unknown !== undefined)
    throw invalid(['data', 'components'], 'BASE_TYPE_CHOICES', `The dialog box has no ${unknown}`);
  for (const input of inputs) checkEntry(input, entries.get(input.custom_id) ?? '');
  const entry = ({ custom_id, id = 0 }: APITextInputComponent) => ({
    type: ComponentType.TextInput,
    id,
    custom_id,
    value: entries.get(custom_id) ?? '',
  });
  const components = dialog.components.map((row) => {
    const [input] = textInputs({ ...dialog, components: [row] });
    const own = { type: row.type, id: row.id ?? 0 };
    if (input === undefined) return own;
    return row.type === ComponentType.Label
      ? { ...own, component: entry(input) }
      : { ...own, components: [entry(input)] };
  });
  // Rows, labels and texts as they stood in the dialog box, which was checked.
  return { custom_id: dialog.custom_id, components: components as APIModalSubmission['components'] };
}

function checkEntry(
  { custom_id, required = true, min_length = 0, max_length = maxTextCharacters }: APITextInputComponent,
  value: string,
): void {
  const at = ['data', 'components', custom_id];
  if (value === '' && !required) return;
  if (value === '') throw invalid(at, 'BASE_TYPE_REQUIRED', 'This field is required');
  const length = characters(value);
  if (length >= min_length && length <= max_length) return;
  throw invalid(at, 'BASE_TYPE_BAD_LENGTH', `Must be between ${min_length} and ${max_length} in length.`);
}
