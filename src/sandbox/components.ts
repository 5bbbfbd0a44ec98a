import { ButtonStyle, ComponentType, MessageFlags } from 'discord-api-types/v10';
import { invalid } from './refusal.js';

/** As much of a component as the rules beyond the published schema look at. */
interface Part {
  readonly type?: number;
  readonly style?: number;
  readonly custom_id?: string | null;
  readonly url?: string | null;
  readonly label?: string | null;
  readonly emoji?: unknown;
  readonly components?: readonly Part[] | null;
  readonly accessory?: Part | null;
}

type Path = readonly (string | number)[];

const maxRows = 5;

/**
 * Throws 50035 for components that the schema lets pass and Discord does not: more than five rows or anything but rows
 * in an ordinary message, buttons without what their style needs, and a `custom_id` that comes twice, disabled ones
 * included ("Component Reference"; discord-api-docs, issue 3673).
 */
export function checkComponents(components: readonly unknown[], flags: number): void {
  // The schema has checked them.
  const parts = components as readonly Part[];
  if ((flags & MessageFlags.IsComponentsV2) === 0) checkRows(parts);
  const seen = new Set<string>();
  for (const [at, part] of everyPart(parts, ['components'])) {
    if (part.type === ComponentType.Button) checkButton(part, at);
    if (!part.custom_id) continue;
    if (seen.has(part.custom_id)) {
      throw invalid([...at, 'custom_id'], 'COMPONENT_CUSTOM_ID_DUPLICATED', 'Component custom id cannot be duplicated');
    }
    seen.add(part.custom_id);
  }
}

function checkRows(parts: readonly Part[]): void {
  if (parts.length > maxRows) {
    throw invalid(['components'], 'BASE_TYPE_BAD_LENGTH', `Must be between 1 and ${maxRows} in length.`);
  }
  for (const [index, { type, components }] of parts.entries()) {
    if (type !== ComponentType.ActionRow) {
      throw invalid(['components', index, 'type'], 'UNION_TYPE_CHOICES', 'Value of field "type" must be one of (1,).');
    }
    const isFull = components?.some((part) => part.type !== ComponentType.Button) === true && components.length > 1;
    if (!isFull) continue;
    const message = 'The specified component exceeds the maximum width';
    throw invalid(['components', index, 'components', 1], 'COMPONENT_LAYOUT_WIDTH_EXCEEDED', message);
  }
}

function* everyPart(parts: readonly Part[], at: Path): Generator<[Path, Part]> {
  for (const [index, part] of parts.entries()) {
    const here = [...at, index];
    yield [here, part];
    yield* everyPart(part.components ?? [], [...here, 'components']);
    if (part.accessory) yield [[...here, 'accessory'], part.accessory];
  }
}

/** "Non-link buttons must have a custom_id, link buttons a url", and none has both; each shows a label or an emoji. */
function checkButton({ style, custom_id, url, label, emoji }: Part, at: Path): void {
  if (style === ButtonStyle.Premium) return;
  if (custom_id && url) {
    const message = 'A custom id and url cannot both be specified';
    throw invalid(at, 'BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE', message);
  }
  if (style === ButtonStyle.Link && !url) {
    throw invalid([...at, 'url'], 'BUTTON_COMPONENT_URL_REQUIRED', 'A url is required');
  }
  if (style !== ButtonStyle.Link && !custom_id) {
    throw invalid([...at, 'custom_id'], 'BUTTON_COMPONENT_CUSTOM_ID_REQUIRED', 'A custom id is required');
  }
  if (!label && !emoji) throw invalid([...at, 'label'], 'BASE_TYPE_REQUIRED', 'This field is required');
}
