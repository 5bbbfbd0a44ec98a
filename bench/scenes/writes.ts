import { readFileSync } from 'node:fs';
import type { Findings } from '../figures.js';
import { type Program, startProgram } from '../program.js';
import { openStage } from '../stage.js';
import { transactionsIn } from '../wal.js';

/** Few enough for SQLite's log not to be written back and begun anew in between. */
const TURNS = 20;

/** What a turn writes, and whether it is written when the request leaves. */
export async function writes(isQuick: boolean): Promise<Findings> {
  let program: Program | undefined;
  let written = 0;
  const stage = await openStage({
    onRequest(number) {
      if (program && logOf(program).includes(`q${number}q`)) written += 1;
    },
  });
  program = await startProgram(stage, 'parley');
  const before = transactionsIn(logOf(program));
  const turns = isQuick ? 2 : TURNS;
  const shared = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  let lasting = 0;
  for (let turn = 0; turn < turns; turn++) {
    const { asked, received } = await (await stage.ask(program.application, stage.channel(`turn-${turn}`))).answered;
    const { syncs } = await program.tell();
    if (syncs.some((at) => at > shared + asked && at < shared + received)) lasting += 1;
    // What is written after the answer is shown.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const perTurn = (transactionsIn(logOf(program)) - before) / turns;
  await program.close();
  await stage.close();
  return {
    results: [
      {
        what: 'a turn’s writes',
        goal: 'durable before the request leaves; ≤ 4 transactions a turn',
        found: `${perTurn} transactions a turn; when the request came, ${written} of ${turns} questions stood in the log, and ${lasting} times the disk had been waited for since`,
        isMet: perTurn <= 4 && written === turns && lasting === turns,
        figures: { perTurn, written, lasting, turns },
      },
    ],
  };
}

const logOf = ({ databasePath }: Program): Buffer => readFileSync(`${databasePath}-wal`);
