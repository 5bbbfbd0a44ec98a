import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Findings, median, ms, p99, type Result } from '../figures.js';
import { startProgram } from '../program.js';
import { openStage, type Stage } from '../stage.js';

/** What may be added to a round trip, in milliseconds. */
const ADDED_MS = 5;

/** How soon a streamed answer is seen, and what it costs in requests. */
export async function streaming(isQuick: boolean): Promise<Findings> {
  const stage = await openStage({ limits: true });
  const roundTrips = await measureRoundTrips(stage, isQuick ? 5 : 150);
  const parley = await startProgram(stage, 'parley');
  const { firsts, lasts } = await shortStreams(stage, parley.application, isQuick ? 2 : 30);
  const long = await longStream(stage, parley.application, isQuick ? 1 : 20);
  await parley.close();
  await stage.close();
  const oneTrip = median(roundTrips);
  return {
    results: [
      within('first token out of the API → first text visible', 'one REST round trip + 5 ms', firsts, oneTrip),
      within('last token → final text', 'one REST round trip + 5 ms, unless an edit is in flight', lasts, oneTrip),
      long,
    ],
  };
}

function within(what: string, most: string, tookMs: readonly number[], oneTrip: number): Result {
  return {
    what,
    goal: `p50 ≤ ${most}`,
    found: `p50 ${ms(median(tookMs))}, p99 ${ms(p99(tookMs))}; a round trip takes ${ms(oneTrip)}`,
    isMet: median(tookMs) <= oneTrip + ADDED_MS,
    figures: { p50: median(tookMs), p99: p99(tookMs), roundTrip: oneTrip },
  };
}

/** A program of its own, as the bots are, posts messages one by one. */
async function measureRoundTrips(stage: Stage, repetitions: number): Promise<number[]> {
  const application = stage.invite('round trips');
  const warmUp = Math.ceil(repetitions / 5);
  // A channel takes five messages in five seconds.
  const channels = Array.from({ length: Math.ceil((warmUp + repetitions) / 4) }, (_, number) =>
    stage.channel(`round-trips-${number}`, application),
  );
  const each = [...channels, ...channels, ...channels, ...channels].slice(0, warmUp + repetitions);
  const child = spawn(process.execPath, [fileURLToPath(new URL('../round-trip.js', import.meta.url))], {
    env: {
      DISCORD_TOKEN: application.token,
      DISCORD_API_URL: stage.discordUrl,
      CHANNEL_IDS: each.map(({ id }) => id).join(),
      WARM_UP: `${warmUp}`,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(await text(child.stdout));
}

/** Answers of about two seconds, one after the other, each in a channel of its own. */
async function shortStreams(
  stage: Stage,
  application: { readonly id: string } & Parameters<Stage['ask']>[0],
  count: number,
) {
  const firsts: number[] = [];
  const lasts: number[] = [];
  for (let number = 0; number < count; number++) {
    // Lengths differ, so that ends fall anywhere between two edits.
    stage.answer({ waitMs: 100, pieces: 40 + (number % 20), everyMs: 40 });
    const { answered } = await stage.ask(application, stage.channel(`short-${number}`));
    const { first, firstShown, last, wholeShown } = await answered;
    firsts.push(firstShown - first);
    lasts.push(wholeShown - last);
  }
  return { firsts, lasts };
}

async function longStream(stage: Stage, application: Parameters<Stage['ask']>[0], seconds: number): Promise<Result> {
  const everyMs = 50;
  stage.answer({ waitMs: 100, pieces: (seconds * 1000) / everyMs, everyMs, words: 'go ' });
  const before = stage.callsOf(application);
  await (await stage.ask(application, stage.channel('long'))).answered;
  // The last of them is counted when it has been answered.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const after = stage.callsOf(application);
  const calls = after.all - before.all;
  const limited = after.limited - before.limited;
  return {
    what: `REST calls for an answer that streams for ${seconds} s`,
    goal: '≤ 18, no 429',
    found: `${calls}, and ${limited} answered 429`,
    isMet: calls <= 18 && limited === 0,
    figures: { calls, limited },
  };
}
