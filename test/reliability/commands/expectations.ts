import { explain, failureNamed, isTraced, WITHHELD } from '../../../src/errors.js';
import type { ChatMessage } from '../../../src/model/model.js';
import { split } from '../../../src/split.js';
import { type Channel, FORBIDDEN, isOf } from './channel.js';
import type { Row } from './disk.js';
import { type Asked, answerTo, headOf, idIn, isSeenBy, type Ledger, reaches } from './ledger.js';

/**
 * Says what is wrong with a prompt: it is to hold the whole exchanges that its asker may see, each once and in order,
 * and none that was reset. `answered` is what is on disk of them.
 */
export function checkPrompt(
  ledger: Ledger,
  asked: Asked,
  prompt: readonly ChatMessage[],
  answered: readonly string[],
): void {
  const { id } = asked.question;
  const history = prompt.slice(1, -1);
  const ids = history.flatMap(({ role, content }) => (role === 'user' ? [idIn(content)] : []));
  const expected = answered.filter((other) => isExpected(ledger, asked, other, ids));
  if (ids.join() !== expected.join()) ledger.faults.push(`${id} was asked with [${ids}], not with [${expected}]`);
  const said = history.flatMap(({ role, content }) => (role === 'assistant' ? [content] : []));
  const given = ids.map((other) => ledger.asked.get(other)).map((other) => (other ? answerTo(other) : ''));
  if (said.join() !== given.join()) ledger.faults.push(`${id} was asked with other answers than were given`);
  // A prompt that was too long is shortened, and sent to the same role.
  const isShortened = asked.moods[asked.attempts - 1] === 'too-long';
  const role = prompt[0]?.content.split('\n').at(-1) ?? '';
  const roles = rolesOf(ledger, asked);
  if (!isShortened && !roles.includes(role)) ledger.faults.push(`${id} was asked of “${role}”, not of “${roles}”`);
}

/** While a reset is under way, it may have happened or not. */
function isExpected(ledger: Ledger, asked: Asked, id: string, ids: readonly string[]): boolean {
  const other = ledger.asked.get(id);
  if (!other || other.isForgotten || !isSeenBy(other, asked)) return false;
  return ids.includes(id) || ![...ledger.resets].some((reset) => reaches(reset, other));
}

function rolesOf({ roles }: Ledger, { question: { place } }: Asked): readonly string[] {
  const wordsOf = (channelId = '') => roles.get(channelId)?.map(({ words }) => words) ?? [undefined];
  const inherited = wordsOf(place.parentId).map((words) => words ?? 'Be brief.');
  return wordsOf(place.channelId).flatMap((words) => (words === undefined ? inherited : [words]));
}

/** Says what is wrong with the end of a question, when nothing happens any more. */
export function checkEnd(ledger: Ledger, asked: Asked, row: Row | undefined, channel: Channel): void {
  const { id } = asked.question;
  const parts = channel.posted.filter((posted) => isOf(id)(posted) && posted.isKnown);
  const texts = parts.map(({ text }) => text);
  const say = (what: string) => ledger.faults.push(`${id} ${what}; shown: ${JSON.stringify(texts.map(bothEnds))}`);
  const isSeen = !channel.isGone && !asked.isSpoilt && !asked.isAbandoned;
  if (!row) {
    if (!asked.excuse) say('is not on disk');
    else if (isSeen && texts.length > 1) say('was told more than once that it could not be taken');
    return;
  }
  const end = row.state === 'answered' ? 'answered' : (row.failure ?? row.state);
  const mayEnd = new Set([...asked.mayEnd, ...ledger.troubles]);
  if (!mayEnd.has(end)) say(`ended as ${end}, not as one of ${[...mayEnd]}`);
  if (row.address !== null) say('is not settled');
  if (end === 'answered' && asked.isForgotten && row.question !== null) say('is remembered in spite of a reset');
  if (isSeen && !isShown(asked, row, end, mayEnd, texts)) say(`ended as ${end}, which is not what is shown`);
}

const bothEnds = (text: string): string => (text.length > 150 ? `${text.slice(0, 50)} … ${text.slice(-90)}` : text);

/** Whether what stands in the channel is what came of the question. */
function isShown(
  asked: Asked,
  { question }: Row,
  end: string,
  mayEnd: ReadonlySet<string>,
  texts: readonly string[],
): boolean {
  if (texts.length === 0 && (asked.isWithdrawn || end === 'undelivered')) return true;
  if (texts.length === 0 && end === 'Refused' && asked.isMarked) return true;
  // Of one that was forgotten, it is not known any more whether it had a quote.
  const known = question === null ? ['{}', '{"quote":{}}'] : [question];
  if (end === 'answered' && known.some((json) => texts.join('\n') === wholeOf(asked, json))) return true;
  const ends = [
    ...(end === 'answered' ? [] : [end]),
    // A reset may come while another end is being told, and an end while a deletion is.
    ...(end === 'reset' ? mayEnd : []),
    ...(asked.isForgotten || (end !== 'answered' && mayEnd.has('reset')) ? ['reset'] : []),
    ...(asked.isWithdrawn ? ['withdrawn', 'undelivered'] : []),
  ];
  return ends.some((one) => tellingsOf(one, asked.question.id).some((telling) => isTold(asked, telling, texts)));
}

const MESSAGE_LENGTH = 2000;
const REFUSED = 'Discord did not let me show this part of the answer.';
const CUT_OFF = 'The answer was cut off here: it reached the longest answer I am set to give.';

/** What stands there of an answer that was given. */
function wholeOf(asked: Asked, question: string): string {
  const messages = split(headOf(asked) + answerTo(asked), MESSAGE_LENGTH).map(({ text }) => text);
  const notes = [...(asked.finish === 'length' ? [CUT_OFF] : []), ...(isWithheld(question) ? [WITHHELD] : [])];
  const smallPrint = notes.map((note) => `\n-# ${note}`).join('');
  const last = `${messages.at(-1)}${smallPrint}`;
  const all = last.length > MESSAGE_LENGTH ? [...messages, smallPrint.slice(1)] : [...messages.slice(0, -1), last];
  return all.map((text) => (text.includes(FORBIDDEN) ? REFUSED : text)).join('\n');
}

function isWithheld(question: string): boolean {
  const { quote }: { quote?: { text?: string } } = JSON.parse(question);
  return quote !== undefined && quote.text === undefined;
}

/** The sentence that tells of an end, and the reference that goes with it. */
interface Telling {
  readonly sentence: RegExp;
  readonly reference: string;
}

function tellingsOf(end: string, id: string): readonly Telling[] {
  const reference = `Reference: ${id}`;
  if (end === 'Refused') return [{ sentence: /I left this (one|question) out/, reference }];
  const error = failureNamed(end);
  const usual = { sentence: literally(explain(error)), reference: isTraced(error) ? reference : '' };
  return end === 'filtered' ? [usual, { sentence: /content filter cut the answer off here/, reference: '' }] : [usual];
}

const literally = (text: string): RegExp => new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));

/** Whether an end is told: below what had come of the answer, or alone. */
function isTold(asked: Asked, { sentence, reference }: Telling, texts: readonly string[]): boolean {
  const head = headOf(asked);
  const shown = texts.join('\n').replace(`\n-# ${WITHHELD}`, '');
  const lines = (shown.startsWith(head) ? shown.slice(head.length) : shown).split('\n');
  const [first = '', last = first] = [lines[0], lines.at(-1)];
  const isAlone = lines.length === (reference ? 2 : 1) && sentence.test(first);
  if (isAlone && (!reference || last === `-# ${reference}`)) return true;
  // A text that is not let through takes the note below it with it.
  if (asked.isUnfit && last === REFUSED) return true;
  const isNote = last.startsWith('-# ') && sentence.test(last) && last.endsWith(reference);
  return isNote && (asked.isToldElse || isOfAnswer(asked, lines.slice(0, -1)));
}

/** Whether these are lines of the answer in their order; where it was still growing, one may be cut short. */
function isOfAnswer(asked: Asked, lines: readonly string[]): boolean {
  const answer = answerTo(asked);
  let from = 0;
  return lines.every((line) => {
    if (asked.isUnfit && line === REFUSED) return true;
    const at = answer.indexOf(line, from);
    from = at + line.length;
    return at >= 0;
  });
}

/** Says where answers do not stand, or questions are not remembered, in the order in which they were asked. */
export function checkOrder({ faults, asked }: Ledger, rows: readonly Row[], channel: Channel): void {
  const answered = rows.flatMap(({ state, id }) => {
    const one = asked.get(id);
    const isHere = one?.question.place.channelId === channel.id;
    return one && isHere && state === 'answered' && !one.isTurnedAway && !one.isSpoilt ? [one] : [];
  });
  for (const [index, one] of answered.slice(1).entries()) {
    const before = answered[index];
    if (!before) continue;
    const [above, below] = [before, one].map(({ question }) => channel.posted.findIndex(isOf(question.id)));
    if (above !== undefined && below !== undefined && below >= 0 && below < above)
      faults.push(`${one.question.id} is answered above ${before.question.id}`);
    if (one.heard && one.heard.by === before.heard?.by && one.heard.as < before.heard.as)
      faults.push(`${one.question.id} was asked before ${before.question.id}, and is remembered after it`);
  }
}
