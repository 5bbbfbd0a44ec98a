import { createChat, type Store } from '../../../src/chat.js';
import { StoreError } from '../../../src/errors.js';
import type { Question } from '../../../src/question.js';
import { openStore } from '../../../src/store.js';
import { counted, silent } from '../../fakes.js';
import { nextEvent, settle, stopTime } from './clock.js';
import { openFromOutside } from './disk.js';
import { limits, wake } from './front.js';
import { type Asked, reaches } from './ledger.js';
import { createModel } from './model.js';
import { type Doom, die, fault, type Life, outgoing, tell, type World } from './world.js';

/** How long running answers may take to end when a process is asked to end. */
const GRACE_MS = 7000;

/** More events than come to pass before all is quiet. */
const ENDLESS = 20_000;

/** Starts a process. */
export function start(world: World, doom?: Doom): void {
  const store = openStore(world.path);
  const life: Life = {
    ...{ inHand: new Map(), reading: new Map(), refused: new Map(), onTheWay: new Set(), running: new Set(), owed: [] },
    paid: Promise.resolve(),
    ...{ doom, callsLeft: doom?.calls ?? 0, isDead: false, isListening: false, isClosing: false, isMarred: false },
    close: () => store.close(),
    chat: createChat({
      store: guarded(world, store, () => life),
      model: createModel(world, () => life, limits.maxConcurrent),
      ...{ count: counted, log: silent, systemPrompt: 'Be brief.', contextTokens: 1_000_000, ...limits },
    }),
  };
  world.life = life;
  world.ledger.lives += 1;
  tell(world, 'a process starts');
  wake(world, life).catch(() => die(world, life, 'its start'));
}

/** Asks the process to end. */
export function stop(world: World): void {
  const { life } = world;
  if (!life || life.isClosing) return;
  life.isClosing = true;
  tell(world, 'the process is to end');
  const exit = () => {
    tell(world, 'the process has ended');
    life.isDead = true;
  };
  life.chat.close(GRACE_MS).then(life.close).then(exit, exit);
}

/** Kills the process at one of its next calls, or soon where it makes too few. */
export async function kill(world: World, doom: Doom): Promise<void> {
  const { life } = world;
  if (!life) return;
  life.doom = doom;
  life.callsLeft = doom.calls;
  for (let left = 60; !life.isDead && left > 0 && (await step(world)); left--);
  die(world, life, 'no call');
  await bury(world);
}

/** What is left to do when a process has ended: nothing of it happens any more. */
export async function bury(world: World): Promise<void> {
  const { life, disk } = world;
  if (!life?.isDead) return;
  world.life = undefined;
  disk.unlock();
  let isClosed = false;
  const closed = () => {
    isClosed = true;
  };
  life.close().then(closed, closed);
  await settle();
  while (!isClosed && (await nextEvent()));
  disk.close();
  stopTime(Date.now());
  world.disk = openFromOutside(world.path);
  settleDoubts(world);
}

/** What was under way when the process died has happened if it is on disk. */
function settleDoubts({ ledger, disk }: World): void {
  for (const asked of ledger.asked.values()) {
    const row = disk.turn(asked.question.id);
    asked.excuse ??= row ? undefined : 'it was lost with the process';
    const mayBeForgotten = [...ledger.resets].some((reset) => reaches(reset, asked));
    if (mayBeForgotten && row?.state === 'answered' && row.question === null) asked.isForgotten = true;
  }
  ledger.resets.clear();
  for (const channelId of ledger.roles.keys()) ledger.roles.set(channelId, [{ words: disk.role(channelId) }]);
}

/** The same store, where a process can die at each call, and the disk can fail. */
function guarded(world: World, store: Store, lifeOf: () => Life): Store {
  const methods = Object.entries(store).map(([name, work]) => [
    name,
    (...told: never[]) =>
      outgoing(world, lifeOf(), `store.${name}`, () => onDisk(world, lifeOf(), { name, told, work })),
  ]);
  // The methods have the names and the types of those that they stand for.
  return Object.fromEntries(methods) as unknown as Store;
}

/** What the store does with its next write, if it fails at first. */
const insisted: ReadonlySet<string> = new Set(['end', 'settle']);

const reading: ReadonlySet<string> = new Set([
  ...['has', 'unsettled', 'directChannels', 'exchanges', 'question', 'systemRole'],
]);

/** A call of the store. */
interface Step {
  readonly name: string;
  readonly told: readonly never[];
  work(...told: never[]): Promise<unknown>;
}

async function onDisk(world: World, life: Life, { name, told, work }: Step): Promise<unknown> {
  const [subject, , refused] = told as readonly unknown[];
  // Of a turn, the store is told the question or its id first.
  const id = name === 'begin' ? (subject as Question).id : String(subject);
  const asked = world.ledger.asked.get(id);
  if (asked && name === 'begin' && refused !== undefined) life.inHand.delete(asked);
  try {
    const failure = world.trouble.failures.shift();
    if (failure && insisted.has(name)) life.owed.push(() => work(...told).catch(() => {}));
    if (failure) throw new StoreError(failure);
    if (!reading.has(name)) await payOwed(life);
    const result = await work(...told);
    if (name === 'begin' && result) taken(world, id, refused !== undefined);
    return result;
  } catch (error) {
    failed(world, life, name, id, error);
    throw error;
  } finally {
    if (asked && name === 'settle') letGo(life, asked);
  }
}

/** What is owed is written before whatever is written next, which keeps its order. */
function payOwed(life: Life): Promise<unknown> {
  for (const owed of life.owed.splice(0)) life.paid = life.paid.then(owed);
  return life.paid;
}

/** A turn is over a moment after it has been settled. */
function letGo({ inHand }: Life, asked: Asked): void {
  if (inHand.has(asked)) inHand.set(asked, { isKnown: false });
  settle().then(() => inHand.delete(asked));
}

function failed(world: World, life: Life, name: string, id: string, error: unknown): void {
  tell(world, `store.${name} of ${id} fails`);
  if (error instanceof StoreError) world.ledger.troubles.add(error.failure);
  life.isMarred = true;
  const asked = world.ledger.asked.get(id);
  if (asked && name === 'end') asked.isToldElse = true;
  if (name === 'begin' || name === 'question') turnAway(world, life, id);
}

function taken(world: World, id: string, isRefused: boolean): void {
  tell(world, `${id} is ${isRefused ? 'refused' : 'taken'}`);
  if (!isRefused && world.ledger.asked.get(id)?.mustBeRefused) fault(world, `${id} was taken beyond the limit`);
}

/** A question can't be written down, or the one that it quotes can't be read. */
function turnAway(world: World, life: Life, id: string): void {
  for (const asked of life.inHand.keys()) {
    if (asked.question.id !== id && asked.question.quote?.messageId !== id) continue;
    asked.isTurnedAway = true;
    // It may have been on disk before, if it is delivered again; that can't be known while the disk fails.
    if (world.disk.turn(asked.question.id)) asked.isSpoilt = true;
    else asked.excuse = 'it could not be written down';
  }
}

/** Lets time pass to the next event. False if there is none. */
export async function step(world: World): Promise<boolean> {
  const isMore = await nextEvent();
  await bury(world);
  return isMore;
}

export async function events(world: World, count: number): Promise<void> {
  for (let left = count; left > 0 && (await step(world)); left--);
}

export async function pass(world: World, ms: number): Promise<void> {
  const until = Date.now() + ms;
  setTimeout(() => {}, ms);
  while (Date.now() < until && (await step(world)));
  // Where a process has died meanwhile, nobody waits any more but we.
  if (Date.now() < until) stopTime(until);
}

/** Waits until nothing happens any more. */
export async function quiet(world: World): Promise<void> {
  let count = 0;
  while (await step(world)) {
    count += 1;
    if (count > ENDLESS) throw new Error('There is no end.');
  }
}

/** Waits for the end of a process that is to end. */
export async function ended(world: World): Promise<void> {
  for (let count = 0; world.life && count < ENDLESS; count++) await step(world);
}
