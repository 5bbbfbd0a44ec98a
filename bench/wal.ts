const FILE_HEADER = 32;
const FRAME_HEADER = 24;

/** Counts the transactions in SQLite's log ("WAL-mode File Format": a frame that commits tells the size of the database, any other zero). */
export function transactionsIn(log: Buffer): number {
  if (log.length < FILE_HEADER) return 0;
  const pageSize = log.readUInt32BE(8);
  const salt = log.subarray(16, 24);
  let count = 0;
  for (let frame = FILE_HEADER; frame + FRAME_HEADER <= log.length; frame += FRAME_HEADER + pageSize) {
    // What follows is of an older log.
    if (!log.subarray(frame + 8, frame + 16).equals(salt)) break;
    if (log.readUInt32BE(frame + 4) !== 0) count += 1;
  }
  return count;
}
