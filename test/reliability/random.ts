/** Random numbers that their seed repeats. */
export interface Random {
  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number;
  chance(probability: number): boolean;
  pick<Thing>(things: readonly [Thing, ...Thing[]]): Thing;
  /** A generator of its own, for what happens at a time of its own. */
  fork(): Random;
}

/** A generator of 32-bit numbers with a counter for its state (splitmix32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  const between = (least: number, most: number) => least + Math.floor((next() / 2 ** 32) * (most - least + 1));
  return {
    between,
    chance: (probability) => next() / 2 ** 32 < probability,
    pick: (things) => things[between(0, things.length - 1)] ?? things[0],
    fork: () => createRandom(next()),
  };
}

/** A number that a text always gives. */
export function seedFrom(text: string): number {
  let hash = 0;
  for (const character of text) hash = (Math.imul(hash, 31) + (character.codePointAt(0) ?? 0)) >>> 0;
  return hash;
}

/** The seed that `SEED` names, or a new one. */
export function chosenSeed(): number {
  const given = Number(process.env.SEED);
  return process.env.SEED && Number.isInteger(given) ? given >>> 0 : (Date.now() % 2 ** 32) >>> 0;
}
