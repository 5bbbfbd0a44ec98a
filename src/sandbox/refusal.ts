/** Discord's nested description of what is wrong with a body ("Error Messages", API reference). */
export interface FormErrors {
  [field: string]: FormErrors | { readonly code: string; readonly message: string }[];
}

/** What Discord answers instead of doing it: an HTTP status, a code of its JSON error codes, and a sentence. */
export class Refusal extends Error {
  override name = 'Refusal';
  constructor(
    readonly status: number,
    readonly code: number,
    message: string,
    readonly errors?: FormErrors,
    readonly headers: Readonly<Record<string, string>> = {},
    readonly extra: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

/** "JSON Error Codes" in Discord's documentation, with the status that each comes with. */
const known = {
  10002: [404, 'Unknown Application'],
  10003: [404, 'Unknown Channel'],
  10004: [404, 'Unknown Guild'],
  10007: [404, 'Unknown Member'],
  10008: [404, 'Unknown Message'],
  10011: [404, 'Unknown Role'],
  10013: [404, 'Unknown User'],
  10014: [400, 'Unknown Emoji'],
  10015: [404, 'Unknown Webhook'],
  10062: [404, 'Unknown interaction'],
  10063: [404, 'Unknown application command'],
  20001: [403, 'Bots cannot use this endpoint'],
  20002: [403, 'Only bots can use this endpoint'],
  20012: [403, 'You are not authorized to perform this action on this application'],
  20016: [429, 'This action cannot be performed due to slowmode rate limit'],
  30010: [400, 'Maximum number of reactions reached (20)'],
  30032: [400, 'Maximum number of application commands reached (100)'],
  30034: [400, 'Max number of daily application command creates has been reached (200)'],
  30046: [429, 'Maximum number of edits to messages older than 1 hour reached. Try again later'],
  40005: [413, 'Request entity too large'],
  40060: [400, 'Interaction has already been acknowledged.'],
  40094: [400, 'This interaction has hit the maximum number of follow up messages'],
  50001: [403, 'Missing Access'],
  50003: [403, 'Cannot execute action on a DM channel'],
  50005: [403, 'Cannot edit a message authored by another user'],
  50006: [400, 'Cannot send an empty message'],
  50007: [403, 'Cannot send messages to this user'],
  50013: [403, 'Missing Permissions'],
  50016: [
    400,
    'Provided too few or too many messages to delete. Must provide at least 2 and fewer than 100 messages to delete.',
  ],
  50021: [403, 'Cannot execute action on a system message'],
  50024: [400, 'Cannot execute action on this channel type'],
  50027: [401, 'Invalid Webhook Token'],
  50033: [400, 'Invalid Recipient(s)'],
  50034: [400, 'You can only bulk delete messages that are under 14 days old.'],
  50083: [400, 'Thread is archived'],
  50109: [400, 'The request body contains invalid JSON.'],
  160002: [403, 'You cannot reply without permission to read message history'],
  160004: [400, 'A thread has already been created for this message'],
  160005: [400, 'Thread is locked'],
} as const satisfies Record<number, readonly [status: number, message: string]>;

export type RefusalCode = keyof typeof known;

/** The refusal that Discord documents under this code. */
export function refusal(code: RefusalCode): Refusal {
  const [status, message] = known[code];
  return new Refusal(status, code, message);
}

export const unauthorized = (): Refusal => new Refusal(401, 0, '401: Unauthorized');

/** "Invalid Form Body" about one field, the path to it given from the outside in. */
export function invalid(path: readonly (string | number)[], code: string, message: string): Refusal {
  return invalidForm([{ path, code, message }]);
}

// A field may be called `__proto__` or `constructor`: there is no prototype for it to reach.
const noErrors = (): FormErrors => Object.create(null);

/** "Invalid Form Body" about any number of fields, nested as Discord nests them. */
export function invalidForm(
  faults: readonly { readonly path: readonly (string | number)[]; readonly code: string; readonly message: string }[],
): Refusal {
  const errors = noErrors();
  for (const { path, code, message } of faults) {
    let level = errors;
    for (const key of path) {
      const next = level[key];
      const inner: FormErrors = next === undefined || Array.isArray(next) ? noErrors() : next;
      level[key] = inner;
      level = inner;
    }
    const said = Array.isArray(level._errors) ? level._errors : [];
    level._errors = [...said, { code, message }];
  }
  return new Refusal(400, 50035, 'Invalid Form Body', errors);
}
