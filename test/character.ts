import fc from 'fast-check';

const surrogates = { from: 0xd800, count: 0x800 };

/**
 * Any character: the same ones as fast-check's unit `binary`, which has to list all million of them in each process before
 * it knows that it could make a text like `__proto__`.
 */
export const character: fc.Arbitrary<string> = fc
  .integer({ min: 0, max: 0x10ffff - surrogates.count })
  .map((number) => String.fromCodePoint(number < surrogates.from ? number : number + surrogates.count), numberOf);

/** Its place among all characters. fast-check asks this also of what is none. */
function numberOf(value: unknown): number {
  const [first, ...more] = typeof value === 'string' ? value : '';
  const point = first?.codePointAt(0);
  if (point === undefined || more.length > 0 || /\p{Surrogate}/u.test(String(first)))
    throw new Error('Not a character');
  return point < surrogates.from ? point : point - surrogates.count;
}
