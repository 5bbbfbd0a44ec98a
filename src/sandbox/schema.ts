import type { PublishedIssue, PublishedSchema } from 'discord-api-spec/zod';
import { invalid, invalidForm } from './refusal.js';

/** How many characters a text has for Discord: code points, not UTF-16 units (discord-api-docs, issue 1315). */
export const characters = (text: string): number => [...text].length;

interface Fault {
  readonly path: readonly (string | number)[];
  readonly code: string;
  readonly message: string;
}

/**
 * Checks a body against one of Discord's published schemas and returns it as that type. Throws "Invalid Form Body"
 * (50035) with the nested errors that Discord sends. Fields that the schema does not know are passed over, as
 * Discord does.
 */
export function check<Body>(schema: PublishedSchema<Body>, body: unknown): Body {
  const read = asDiscordReadsIt(body, '');
  const result = schema.safeParse(read);
  if (result.success) return result.data;
  throw invalidForm(result.error.issues.flatMap((issue) => faultsOf(issue, read, [])));
}

/** An id of a query or of a list; throws 50035 for what is none. */
export function snowflake(value: unknown, path: readonly (string | number)[]): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (/^\d{1,20}$/.test(text)) return text;
  throw invalid(path, 'NUMBER_TYPE_COERCE', `Value ${JSON.stringify(text)} is not snowflake.`);
}

/** How many a page is to have, as a query says it; throws 50035 for what is no number from 1 to `most`. */
export function limitOf(limit: string, most: number): number {
  const count = Number(limit);
  const refuse = (code: string, message: string) => invalid(['limit'], code, message);
  if (!Number.isInteger(count)) throw refuse('NUMBER_TYPE_COERCE', `Value "${limit}" is not int.`);
  if (count < 1) throw refuse('NUMBER_TYPE_MIN', 'int value should be greater than or equal to 1.');
  if (count > most) throw refuse('NUMBER_TYPE_MAX', `int value should be less than or equal to ${most}.`);
  return count;
}

/**
 * Where Discord is laxer than the schema it publishes: ids may be numbers, permission bits may be texts, and a
 * timestamp may carry an offset. `field` is where the value stands.
 */
function asDiscordReadsIt(value: unknown, field: string): unknown {
  if (Array.isArray(value)) return value.map((item) => asDiscordReadsIt(item, field));
  if (value !== null && typeof value === 'object') {
    const inner = Object.entries(value).map(([key, item]) => [
      key,
      asDiscordReadsIt(item, key === 'id' ? `${field}.id` : key),
    ]);
    return Object.fromEntries(inner);
  }
  if (typeof value === 'number') return isSnowflakeField(field) ? `${value}` : value;
  if (typeof value !== 'string') return value;
  if (field === 'default_member_permissions' && /^\d+$/.test(value)) return Number(value);
  if (field === 'timestamp' && !Number.isNaN(Date.parse(value))) return new Date(value).toISOString();
  return value;
}

const isSnowflakeField = (field: string) =>
  field === 'attachments.id' || /^(message|channel|guild|recipient)_id$/.test(field);

function at(body: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    // A property of anything but an object is looked for in vain, never on a prototype.
    (value, key) =>
      value !== null && typeof value === 'object' && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined,
    body,
  );
}

function faultsOf(issue: PublishedIssue, body: unknown, outer: readonly (string | number)[]): Fault[] {
  const path = [...outer, ...issue.path];
  if (issue.code === 'invalid_union') return faultsOfUnion(issue, body, path);
  const value = at(body, path);
  return [{ path, ...wording(issue, value) }];
}

/** A union is judged by the member that the `type` of the value names, else by the one with the least to object to. */
function faultsOfUnion(issue: PublishedIssue, body: unknown, path: readonly (string | number)[]): Fault[] {
  const members = issue.errors ?? [];
  const namesThis = (member: readonly PublishedIssue[]) =>
    !member.some((inner) => inner.code === 'invalid_value' && inner.path.join('.') === 'type');
  const value = at(body, path);
  if (value !== null && typeof value === 'object' && !members.some(namesThis)) {
    const choices = members.flatMap((member) =>
      member.flatMap((inner) => (inner.path.join('.') === 'type' ? (inner.values ?? []) : [])),
    );
    const message = `Value of field "type" must be one of (${choices.join(', ')}).`;
    return [{ path: [...path, 'type'], code: 'UNION_TYPE_CHOICES', message }];
  }
  const judged = members.filter(namesThis).map((member) => member.flatMap((inner) => faultsOf(inner, body, path)));
  return judged.sort((one, other) => one.length - other.length)[0] ?? [];
}

const kinds: Readonly<Record<string, { readonly code: string; readonly message: string }>> = {
  array: { code: 'LIST_TYPE_CONVERT', message: 'Only iterables may be used in a ListType' },
  object: { code: 'MODEL_TYPE_CONVERT', message: 'Expected an object/dictionary.' },
  record: { code: 'DICT_TYPE_CONVERT', message: 'Only dictionaries may be used in a DictType' },
  string: { code: 'STRING_TYPE_CONVERT', message: 'Could not interpret value as string.' },
};

function wording(issue: PublishedIssue, value: unknown): { code: string; message: string } {
  if (value === undefined) return { code: 'BASE_TYPE_REQUIRED', message: 'This field is required' };
  switch (issue.code) {
    case 'too_big':
      return issue.origin === 'number' || issue.origin === 'int'
        ? {
            code: 'NUMBER_TYPE_MAX',
            message: `${typeName(value)} value should be less than or equal to ${issue.maximum}.`,
          }
        : { code: 'BASE_TYPE_MAX_LENGTH', message: `Must be ${issue.maximum} or fewer in length.` };
    case 'too_small':
      return issue.origin === 'number' || issue.origin === 'int'
        ? {
            code: 'NUMBER_TYPE_MIN',
            message: `${typeName(value)} value should be greater than or equal to ${issue.minimum}.`,
          }
        : { code: 'BASE_TYPE_MIN_LENGTH', message: `Must be ${issue.minimum} or more in length.` };
    case 'invalid_value':
      return { code: 'BASE_TYPE_CHOICES', message: `Value must be one of {${(issue.values ?? []).join(', ')}}.` };
    case 'invalid_format':
      return format(issue, value);
    default:
      return (
        kinds[issue.expected ?? ''] ?? {
          code: 'NUMBER_TYPE_COERCE',
          message: `Value "${value}" is not ${issue.expected}.`,
        }
      );
  }
}

function format(issue: PublishedIssue, value: unknown): { code: string; message: string } {
  if (issue.format === 'url') return { code: 'URL_TYPE_INVALID_URL', message: 'Not a well formed URL.' };
  if (issue.format === 'datetime')
    return { code: 'DATE_TIME_TYPE_PARSE', message: `Could not parse ${value}. Should be ISO8601.` };
  return { code: 'NUMBER_TYPE_COERCE', message: `Value "${value}" is not snowflake.` };
}

const typeName = (value: unknown): string => (Number.isInteger(value) ? 'int' : 'float');
