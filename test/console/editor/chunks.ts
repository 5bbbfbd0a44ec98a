/** Cuts bytes at these places, as far as they are in it. */
export function cutInto(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [0, ...places.filter((place) => place < bytes.length).toSorted((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
}
