import type { Place } from '../../../src/question.js';
import { type Channel, isOf, isQuestion, type Posted, talk } from './channel.js';
import { settle } from './clock.js';
import { checkEnd, checkOrder } from './expectations.js';
import { deliver } from './front.js';
import { type Asked, type Asking, newAsked, reaches } from './ledger.js';
import { ended, quiet, start, stop } from './lives.js';
import { channelOf, fault, places, tell, type World } from './world.js';

export function ask(world: World, asking: Asking): void {
  const asked = newAsked(asking, Date.now());
  if (asking.question.text === '') asked.mayEnd.add('NothingAsked');
  world.ledger.asked.set(asking.question.id, asked);
  if (asking.isByMessage) talk(channelOf(world, asked), { isBots: false, turnId: asking.question.id });
  deliver(world, asked);
}

export function reset(world: World, place: Place, askerId: string): void {
  const { life, ledger } = world;
  if (!life) return;
  tell(world, `${askerId} resets ${place.channelId}`);
  const change = { channelId: place.channelId, askerId };
  const rowOf = ({ question }: Asked) => world.disk.turn(question.id);
  const reached = [...ledger.asked.values()].filter((asked) => reaches(change, asked));
  const certain = reached.filter((asked) => life.running.has(asked) || rowOf(asked)?.state === 'answered');
  for (const asked of reached) asked.mayEnd.add('reset');
  ledger.resets.add(change);
  const done = async () => {
    // What is read at this very moment may still be as it was.
    await settle();
    ledger.resets.delete(change);
    for (const asked of certain) asked.isForgotten = true;
    for (const asked of reached) {
      const row = rowOf(asked);
      if (row?.state === 'answered' && row.question === null) asked.isForgotten = true;
    }
  };
  life.chat.reset(place, askerId).then(done, () => ledger.resets.delete(change));
}

export function setRole({ life, ledger }: World, place: Place, words: string | undefined): void {
  if (!life) return;
  const { channelId } = place;
  const change = { words };
  const roles = () => ledger.roles.get(channelId) ?? [{ words: undefined }];
  ledger.roles.set(channelId, [...roles(), change]);
  const done = async () => {
    // What is read at this very moment may still be as it was.
    await settle();
    ledger.roles.set(channelId, roles().slice(roles().indexOf(change)));
  };
  const undone = () => {
    const others = roles().filter((role) => role !== change);
    ledger.roles.set(channelId, others);
  };
  life.chat.setSystemRole(place, words).then(done, undone);
}

/** Deletes a question. */
export function withdraw(world: World, asked: Asked): void {
  tell(world, `${asked.question.id} is deleted`);
  asked.isWithdrawn = true;
  const message = channelOf(world, asked).posted.find(isQuestion(asked.question.id));
  if (message) message.isDeleted = true;
  for (const end of ['withdrawn', 'undelivered']) asked.mayEnd.add(end);
  if (world.life?.isListening) world.life.chat.withdraw(asked.question.id);
}

/** Deletes a part of an answer. */
export function deletePart(world: World, asked: Asked): void {
  const part = channelOf(world, asked).posted.find(isOf(asked.question.id));
  if (!part) return;
  tell(world, `a part of the answer to ${asked.question.id} is deleted`);
  part.isDeleted = true;
  asked.isSpoilt = true;
  asked.mayEnd.add('undelivered');
}

/** Deletes a channel, and its threads with it. */
export function leave(world: World, channel: Channel): void {
  tell(world, `${channel.id} is deleted`);
  for (const { channelId, parentId } of places) {
    const place = world.channels.get(channelId);
    if (place && (channelId === channel.id || parentId === channel.id)) place.isGone = true;
  }
  for (const asked of world.ledger.asked.values()) if (channelOf(world, asked).isGone) asked.mayEnd.add('undelivered');
  if (world.life?.isListening) world.life.chat.leave(channel.id);
}

/** Presses the button below a failure. */
export async function askAgain(world: World, asked: Asked, button: Posted): Promise<void> {
  const { life, ledger } = world;
  if (!life) return;
  const question = await life.chat.questionOf(asked.question.id);
  const id = idAgain(asked.question.id);
  if (!question && !asked.mayEnd.has('reset')) fault(world, `${asked.question.id} can’t be asked again`);
  if (!question || (await life.chat.hasTaken(id))) return;
  // The button works again when there is room.
  if (life.chat.refusal(question)) return;
  // A press that comes at the same time as another.
  const pressed = ledger.asked.get(id);
  if (pressed) return deliver(world, pressed);
  const { lines, isUnfit, moods, attempts } = asked;
  const again = { question: { ...question, id, text: id }, moods: moods.slice(attempts) };
  ask(world, { ...again, lines, isUnfit, isByMessage: false, pressed: button });
}

/** A question that is asked again has an id of its own, for however many presses. */
function idAgain(turnId: string): string {
  const [id = '', times = '0'] = turnId.split('~');
  return `${id}~${Number(times) + 1}`;
}

/** Another program locks the database for a while. */
export function lock(world: World, ms: number): void {
  const { disk } = world;
  disk.lock();
  setTimeout(() => {
    if (world.disk === disk) disk.unlock();
  }, ms);
}

/** Puts everything right, waits until nothing happens any more, and looks whether all is as it should be. */
export async function finish(world: World): Promise<void> {
  const { ledger, trouble } = world;
  Object.assign(trouble, { fates: [], failures: [] });
  world.disk.unlock();
  if (world.life?.isClosing) await ended(world);
  if (world.life) world.life.doom = undefined;
  await quiet(world);
  // Also where the process was just about to die.
  if (!world.life) start(world);
  await quiet(world);
  if (!world.life?.isMarred) checkSettled(world);
  stop(world);
  await ended(world);
  start(world);
  await quiet(world);
  checkSettled(world);
  const rows = world.disk.turns();
  for (const asked of ledger.asked.values())
    checkEnd(ledger, asked, world.disk.turn(asked.question.id), channelOf(world, asked));
  for (const channel of world.channels.values()) checkOrder(ledger, rows, channel);
  await askAnew(world);
}

function checkSettled(world: World): void {
  for (const { id, state, address } of world.disk.turns())
    if (state === 'open' || address !== null) fault(world, `${id} is ${state}, and ${address ?? 'settled'}`);
}

/** In each channel there is still an answer to be had. */
async function askAnew(world: World): Promise<void> {
  const open = places.filter(({ channelId }) => world.channels.get(channelId)?.isGone === false);
  for (const place of open) {
    const id = `last-${place.channelId}`;
    const speaker = { id, handle: id, name: id };
    const question = { id, place, speaker, text: id, attachments: [], isPrivate: false };
    ask(world, { question, moods: [], lines: 1, isUnfit: false, isByMessage: true });
  }
  await quiet(world);
  for (const { channelId } of open)
    if (world.disk.turn(`last-${channelId}`)?.state !== 'answered') fault(world, `${channelId} answers nothing more`);
}
