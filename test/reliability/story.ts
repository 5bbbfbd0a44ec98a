import { topicIn } from './answers.js';
import type { Evidence, SeenMessage } from './evidence.js';
import type { Fault } from './faults.js';
import type { Life } from './program.js';

/** Of so many faults, all is told; of the rest, what they are. */
const mostStories = 3;

/** Tells what went wrong, and everything that can help to find out why. */
export function tell(faults: readonly Fault[], evidence: Evidence, lives: readonly Life[]): string {
  const startedAt = lives[0]?.startedAt ?? 0;
  const clock = (at: number | undefined) => (at === undefined ? '…' : `+${((at - startedAt) / 1000).toFixed(3)}`);
  return [
    `${faults.length} faults:`,
    ...new Set(faults.map(({ kind, what }) => `  ${kind}: ${what}`)),
    '',
    'The lives of the program:',
    ...lives.map((life) => {
      const { number, endedAt, end } = life;
      return `  ${number}: started ${clock(life.startedAt)}, ready ${clock(life.readyAt)}, ended ${clock(endedAt)}: ${end}`;
    }),
    ...faults
      .filter(({ topic }, index) => faults.findIndex((fault) => fault.topic === topic) === index)
      .slice(0, mostStories)
      .flatMap((fault) => ['', ...tellOne(fault, evidence, lives, clock)]),
  ].join('\n');
}

type TellTime = (at: number | undefined) => string;

function tellOne(
  { kind, topic, channelId }: Fault,
  evidence: Evidence,
  lives: readonly Life[],
  clock: TellTime,
): string[] {
  const question = evidence.questions.find((one) => one.topic === topic);
  const id = question?.id ?? '';
  const place = channelId ?? question?.channelId;
  return [
    `About ${topic ?? kind}${question ? ` (${question.way}, ${id}, asked ${clock(question.at)})` : ''}`,
    '  its channel:',
    ...evidence.messages
      .filter((message) => message.channelId === place)
      .flatMap((message) => tellMessage(message, evidence, clock)),
    ...evidence.resets
      .filter((reset) => reset.channelId === place)
      .map((reset) => `    /reset ${reset.id} ${clock(reset.at)}${reset.isUnheard ? ', which Discord gave up' : ''}`),
    '  asked of the model:',
    ...evidence.prompts
      .filter(({ messages }) => topic !== undefined && topicIn(messages.at(-1)?.content ?? '') === topic)
      .map(({ at, messages }) => `    ${clock(at)} in ${messages.length} messages`),
    '  on disk:',
    ...(evidence.turns ?? [])
      .filter((turn) => turn.id === id)
      .map((turn) => `    ${JSON.stringify(turn, (_, value) => (typeof value === 'string' ? short(value) : value))}`),
    '  in the log:',
    ...lives.flatMap(({ number, log }) =>
      log.filter((line) => id !== '' && line.includes(id)).map((line) => `    ${number}: ${line}`),
    ),
  ];
}

function tellMessage(message: SeenMessage, { appId, questions }: Evidence, clock: TellTime): string[] {
  const { id, authorId, isThinking, isDeleted, repliesTo, interactionId, marks, edits } = message;
  const nameOf = (of: string) => questions.find((one) => one.id === of)?.topic ?? of;
  const traits = [
    authorId === appId ? 'the bot' : 'somebody',
    ...(interactionId ? [`for ${nameOf(interactionId)}`] : repliesTo ? [`to ${nameOf(repliesTo)}`] : []),
    ...(isThinking ? ['thinking'] : []),
    ...(isDeleted ? ['deleted'] : []),
    ...marks,
  ];
  return [
    `    ${id} ${traits.join(', ')}`,
    ...edits.map(({ at, content }) => `      ${clock(at)} ${content.length}: ${JSON.stringify(short(content))}`),
  ];
}

/** Both ends of a text. */
const short = (text: string): string => (text.length > 100 ? `${text.slice(0, 50)} … ${text.slice(-40)}` : text);
