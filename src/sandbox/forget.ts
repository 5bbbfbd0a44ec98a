/** Drops the oldest entries of a map until there are as many as are kept. */
export function forget(entries: Map<string, unknown>, kept: number): void {
  for (const key of entries.keys()) {
    if (entries.size <= kept) return;
    entries.delete(key);
  }
}
