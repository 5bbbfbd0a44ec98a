import type { Answer, Audience, LeftTurn } from '../../../src/chat.js';
import type { Refused } from '../../../src/errors.js';
import { paintReply, type Surface } from '../../../src/reply.js';
import { openSurface } from './channel.js';
import { type Asked, headOf } from './ledger.js';
import { after, channelOf, fault, type Life, never, outgoing, tell, type World } from './world.js';

export interface Limits {
  readonly maxConcurrent: number;
  readonly maxWaitingPerPerson: number;
  readonly maxWaitingPerChannel: number;
}

export const limits: Limits = { maxConcurrent: 2, maxWaitingPerPerson: 3, maxWaitingPerChannel: 4 };

/** How old a question may be that is answered unasked. */
const CATCH_UP_MS = 600_000;

/** How long a request takes, and how long a slow one. */
const REQUEST_MS = 80;
const SLOW_MS = 5000;

/** What a process does first: it takes up what is left, and finds what was missed. */
export async function wake(world: World, life: Life): Promise<void> {
  await life.chat.resume(
    (left) => revive(world, life, left),
    ({ id }) => isTooOld(world.ledger.asked.get(id)),
  );
  for (const asked of world.ledger.asked.values()) {
    if (!asked.isByMessage || asked.isWithdrawn || channelOf(world, asked).isGone || isTooOld(asked)) continue;
    if (!(await life.chat.hasTaken(asked.question.id))) deliver(world, asked, true);
  }
}

const isTooOld = (asked: Asked | undefined): boolean => !asked || Date.now() - asked.at > CATCH_UP_MS;

function revive(world: World, life: Life, { address, question }: LeftTurn): Audience | undefined {
  const { id, sent }: { id: string; sent: readonly number[] } = JSON.parse(address);
  const asked = world.ledger.asked.get(id);
  if (!asked) return undefined;
  if (isTooOld(asked)) asked.mayEnd.add('expired');
  // A front may know that a place is gone, or find out later.
  if (asked.question.isPrivate && channelOf(world, asked).isGone) return undefined;
  life.inHand.set(asked, { isKnown: question !== undefined });
  return audienceOf(world, life, asked, { sent, isTakenUp: true });
}

let heard = 0;

/** A question comes to the process, if there is one to hear it. */
export function deliver(world: World, asked: Asked, isMissed = false): void {
  const { life } = world;
  if (!life || life.isDead) return;
  const { id } = asked.question;
  tell(world, `${id} comes${isMissed ? ', late' : ''}`);
  const isNew = !life.inHand.has(asked);
  if (isNew) expectRefusal(life, asked, isMissed);
  if (isNew && !world.disk.turn(id)) {
    heard += 1;
    asked.heard = { by: life, as: heard };
    asked.excuse = undefined;
  }
  if (isNew) life.inHand.set(asked, { isKnown: true });
  const done = () => {
    if (isNew) life.inHand.delete(asked);
  };
  // One that was missed may have been turned away, and that stands there.
  const audience = audienceOf(world, life, asked, { sent: [], isTakenUp: isMissed });
  life.chat.answer(asked.question, audience, { isMissed }).then(done, done);
}

/** A flood is refused, and nothing else is. */
function expectRefusal(life: Life, asked: Asked, isMissed: boolean): void {
  const { speaker, place } = asked.question;
  const isTooMany = (others: readonly Asked[]): boolean => {
    const ofPerson = others.filter(({ question }) => question.speaker.id === speaker.id);
    const ofChannel = others.filter(({ question }) => question.place.channelId === place.channelId);
    return ofPerson.length >= limits.maxWaitingPerPerson || ofChannel.length >= limits.maxWaitingPerChannel;
  };
  const known = [...life.inHand].flatMap(([other, { isKnown }]) => (isKnown ? [other] : []));
  asked.mustBeRefused = isTooMany(known) && !isMissed && !life.isClosing && !life.isMarred;
  if (isTooMany([...life.inHand.keys()]) && !isMissed) asked.mayEnd.add('Refused');
}

/** What stands there already, as far as it is known. */
interface Before {
  readonly sent: readonly number[];
  readonly isTakenUp: boolean;
}

function audienceOf(world: World, life: Life, asked: Asked, before: Before): Audience {
  const { id } = asked.question;
  const addressOf = (sent: readonly number[]) => JSON.stringify({ id, sent });
  const show = (answer: Answer, stopped: AbortSignal, moved: (address: string) => Promise<void>) =>
    paintReply(
      answer,
      surfaceOf(world, life, asked, before, (sent) => moved(addressOf(sent))),
      stopped,
    );
  let isTold = false;
  return {
    address: addressOf(before.sent),
    taken() {
      if (isTold) fault(world, `${id} was said twice to be taken`);
      isTold = true;
      if (!asked.excuse && !world.disk.turn(id)) fault(world, `${id} was said to be on disk, and was not`);
    },
    waits() {},
    reply: (answer, { stopped, moved }) => show(answer, stopped, moved),
    refuse: (why) => show(refusing(why), new AbortController().signal, async () => {}),
  };
}

async function* refusing(why: Refused): Answer {
  yield* [];
  throw why;
}

function surfaceOf(
  world: World,
  life: Life,
  asked: Asked,
  before: Before,
  moved: (sent: readonly number[]) => Promise<void>,
): Surface {
  const { isCrowded } = world.trouble;
  const { id: turnId, isPrivate } = asked.question;
  return openSurface({
    ...{ channel: channelOf(world, asked), turnId, head: headOf(asked), isPrivate, isCrowded, ...before },
    created: life.created,
    isWithdrawn() {
      asked.isAbandoned = asked.isWithdrawn;
      return asked.isWithdrawn;
    },
    allow: (urgency, signal) => (isCrowded && urgency === 'preview' ? after(900, signal) : Promise.resolve()),
    request: (name, effect) => request(world, life, `${name} of ${turnId}`, effect),
    moved,
  });
}

/** A request takes a while, and on its way there and back it may be lost. */
function request<Result>(world: World, life: Life, name: string, effect: () => Result): Promise<Result> {
  const { trouble } = world;
  return outgoing(world, life, name, async () => {
    life.onTheWay.add(effect);
    await after(trouble.slow-- > 0 ? SLOW_MS : REQUEST_MS);
    life.onTheWay.delete(effect);
    if (life.isDead) return never;
    const fate = trouble.fates.shift() ?? 'fine';
    tell(world, `${name}${fate === 'fine' ? '' : `, lost ${fate}`}`);
    if (fate === 'before') throw new Error('The request was lost.');
    const result = effect();
    if (fate === 'after') throw new Error('The answer was lost.');
    return result;
  });
}
