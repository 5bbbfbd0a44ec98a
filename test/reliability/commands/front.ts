import type { Answer, Audience, LeftTurn, Showing } from '../../../src/chat.js';
import type { Refused } from '../../../src/errors.js';
import { paintReply, type Surface } from '../../../src/reply.js';
import { type Before, type Channel, type Means, openSurface } from './channel.js';
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

/** When what was missed is asked for again, and for how long new messages wait for it. */
const AGAIN_MS = 1000;
const PATIENCE_MS = 15_000;

/** For how long a refusal in words will do for others. */
const WORDS_AGAIN_MS = 10_000;

/** What a process does first: it takes up what is left, and then finds what was missed. */
export async function wake(world: World, life: Life): Promise<void> {
  await life.chat.resume(
    (left) => revive(world, life, left),
    ({ id }) => isTooOld(world.ledger.asked.get(id)),
  );
  life.isListening = true;
  for (const channel of world.channels.values()) {
    const read = readBacklog(world, life, channel).catch(() => {});
    const done = Promise.race([read, after(PATIENCE_MS)]).then(() => void life.reading.delete(channel.id));
    life.reading.set(channel.id, done);
  }
}

/** Finds the questions that nobody has heard; what is too much waits where it is. */
async function readBacklog(world: World, life: Life, channel: Channel): Promise<void> {
  if (!channel.isReadable || channel.isGone) return;
  const read = () => request(world, life, `backlog of ${channel.id}`, () => questionsIn(world, channel));
  for (const asked of await insist(read)) {
    if (isTooOld(asked) || (await life.chat.hasTaken(asked.question.id))) continue;
    // Again, where a question of another channel was faster.
    do await life.chat.room(asked.question);
    while (life.chat.refusal(asked.question) && !life.isClosing);
    // Whoever comes after this process finds it.
    if (life.isClosing) return;
    hear(world, life, asked, true);
  }
}

const questionsIn = ({ ledger }: World, { posted }: Channel): readonly Asked[] =>
  posted.flatMap(({ isBots, isDeleted, turnId = '' }) => (isBots || isDeleted ? [] : (ledger.asked.get(turnId) ?? [])));

async function insist<Result>(work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch {
      await after(AGAIN_MS);
    }
  }
}

const isTooOld = (asked: Asked | undefined): boolean => !asked || Date.now() - asked.at > CATCH_UP_MS;

function revive(world: World, life: Life, { address, question, end }: LeftTurn): Audience | undefined {
  const { id, ...before }: Before & { id: string } = JSON.parse(address);
  const asked = world.ledger.asked.get(id);
  if (!asked) return undefined;
  if (isTooOld(asked)) asked.mayEnd.add('expired');
  // A front may know that a place is gone, or find out later.
  if (asked.question.isPrivate && channelOf(world, asked).isGone) return undefined;
  if (end?.failure !== 'Refused') life.inHand.set(asked, { isKnown: question !== undefined });
  return audienceOf(world, life, asked, before, true);
}

/** A question comes to the process, if there is one to hear it; after those that it has missed in the channel. */
export async function deliver(world: World, asked: Asked): Promise<void> {
  const { life } = world;
  if (!life?.isListening) return;
  const before = life.reading.get(asked.question.place.channelId);
  if (asked.isByMessage && before) await before;
  hear(world, life, asked);
}

let heard = 0;

function hear(world: World, life: Life, asked: Asked, isMissed = false): void {
  if (life.isDead) return;
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
  const audience = audienceOf(world, life, asked, { sent: [], ...(isMissed && { isMissed }) }, isMissed);
  life.chat.answer(asked.question, audience).then(done, done);
}

/** A flood is refused, and nothing else is; least of all what was missed, and has waited for room. */
function expectRefusal(life: Life, asked: Asked, isMissed: boolean): void {
  asked.mustBeRefused = isFull(known(life), asked) && !life.isClosing && !life.isMarred;
  if (isFull([...life.inHand.keys()], asked) && !isMissed) asked.mayEnd.add('Refused');
}

const known = ({ inHand }: Life): readonly Asked[] =>
  [...inHand].flatMap(([asked, { isKnown }]) => (isKnown ? [asked] : []));

/** Whether one question more is too many. */
function isFull(others: readonly Asked[], { question: { speaker, place } }: Asked): boolean {
  const ofPerson = others.filter(({ question }) => question.speaker.id === speaker.id);
  const ofChannel = others.filter(({ question }) => question.place.channelId === place.channelId);
  return ofPerson.length >= limits.maxWaitingPerPerson || ofChannel.length >= limits.maxWaitingPerChannel;
}

function audienceOf(world: World, life: Life, asked: Asked, before: Before, isTakenUp: boolean): Audience {
  const { id, place } = asked.question;
  const addressOf = (now: Before) => JSON.stringify({ id, ...now });
  const show = (answer: Answer, { stopped, moved }: Showing) =>
    paintReply(
      answer,
      surfaceOf(world, life, asked, { before, isTakenUp, moved: (now) => moved(addressOf(now)) }),
      stopped,
    );
  let isTold = false;
  return {
    address: addressOf(before),
    taken() {
      if (isTold) fault(world, `${id} was said twice to be taken`);
      isTold = true;
      if (!asked.excuse && !world.disk.turn(id)) fault(world, `${id} was said to be on disk, and was not`);
    },
    waits() {},
    reply(answer, { stopped, moved }) {
      takeButtonAway(world, life, asked);
      const noted = async (address: string) => {
        await moved(address);
        const onDisk = world.disk.turn(id)?.address ?? address;
        if (onDisk !== address && !life.isMarred) fault(world, `${id} stands at ${address}; on disk is ${onDisk}`);
      };
      return show(answer, { stopped, moved: noted });
    },
    async refuse(why) {
      const isSaid = (life.refused.get(place.channelId) ?? 0) > Date.now();
      if (asked.isByMessage && (isTakenUp || isSaid)) return mark(world, life, asked);
      life.refused.set(place.channelId, Date.now() + WORDS_AGAIN_MS);
      await show(refusing(why), { stopped: new AbortController().signal, moved: async () => {} });
    },
  };
}

/** Says without words that a question is left out; that it gets there is not insisted on. */
async function mark(world: World, life: Life, asked: Asked): Promise<void> {
  asked.isMarked = true;
  await request(world, life, `mark of ${asked.question.id}`, () => {}).catch(() => {});
}

/** The button by which a question was asked again goes, if that can be; it is not waited for. */
function takeButtonAway(world: World, life: Life, asked: Asked): void {
  const { pressed } = asked;
  if (!pressed || pressed.isPrivate) return;
  const press = () => {
    pressed.offersAgain = false;
  };
  request(world, life, `button above ${asked.question.id}`, press).catch(() => {});
}

async function* refusing(why: Refused): Answer {
  yield* [];
  throw why;
}

function surfaceOf(
  world: World,
  life: Life,
  asked: Asked,
  showing: Pick<Means, 'before' | 'isTakenUp' | 'moved'>,
): Surface {
  const { isCrowded } = world.trouble;
  const { id: turnId, isPrivate } = asked.question;
  return openSurface({
    ...{ channel: channelOf(world, asked), turnId, head: headOf(asked), isByMessage: asked.isByMessage },
    ...{ isPrivate, isCrowded, ...showing },
    abandon() {
      asked.isAbandoned = true;
    },
    allow: (urgency, signal) => (isCrowded && urgency === 'preview' ? after(900, signal) : Promise.resolve()),
    request: (name, effect) => request(world, life, `${name} of ${turnId}`, effect),
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
