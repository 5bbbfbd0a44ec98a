import fc from 'fast-check';

/** A place in a JSON value, counted, and what becomes of it. */
export interface Garbling {
  readonly at: number;
  /** What is put there; without it, what stands there goes. */
  readonly put: { readonly value: unknown } | null;
}

const odd = fc.constantFrom<unknown>(
  ...[
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    2 ** 53,
    '',
    ' ',
    'x',
    '-1',
    '1e9',
    '../..',
    '\ud800',
    '\0',
    [],
    {},
    [null],
    [[]],
    [{}],
  ],
  ...[{ id: null }, 'a'.repeat(5000), Array(300).fill('x'), JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`)],
);

const names = fc.constantFrom('__proto__', 'constructor', 'toString', 'id', 'type');

/** What may stand where something else belongs; `ids` are those of things that are there. */
const misfits = (ids: readonly string[]): fc.Arbitrary<unknown> =>
  fc.oneof(odd, fc.constantFrom(...ids), fc.jsonValue({ maxDepth: 2 }), fc.dictionary(names, odd, { maxKeys: 3 }));

/** Up to so many things that become of a value. */
export const garblings = (ids: readonly string[], most = 4): fc.Arbitrary<readonly Garbling[]> =>
  fc.array(fc.record({ at: fc.nat(), put: fc.option(misfits(ids).map((value) => ({ value }))) }), {
    minLength: 1,
    maxLength: most,
  });

/** The same value with things missing, or others in their places. */
export const garbled = (value: unknown, all: readonly Garbling[]): unknown => all.reduce(garble, value);

function garble(value: unknown, { at, put }: Garbling): unknown {
  const whole = structuredClone({ value });
  const places = placesIn(whole);
  const [holder, key] = places[at % places.length] ?? [whole, 'value'];
  if (put)
    Reflect.defineProperty(holder, key, { value: put.value, enumerable: true, configurable: true, writable: true });
  else Reflect.deleteProperty(holder, key);
  return whole.value;
}

/** Everything in a value, as what holds it and under which name. */
const placesIn = (value: unknown): [holder: object, key: string][] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, inner]): [object, string][] => [[value, key], ...placesIn(inner)])
    : [];
