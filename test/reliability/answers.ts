import { setTimeout as pause } from 'node:timers/promises';
import type { ModelRequest, Script } from '../../src/sandbox/model/model.js';
import { plainText } from '../../src/sandbox/model/request.js';
import { createRandom, type Random, seedFrom } from './random.js';

/** How long an answer is, and how it comes: in a moment; over seconds; as 2 to 4 messages with code; as 8 or so. */
export type Kind = 'short' | 'slow' | 'code' | 'long';

/** What a question is about. No two are about the same, and the answer depends on nothing else. */
export const topicOf = (number: number, kind: Kind): string => `q${number}-${kind}`;

/** The topic that a text speaks of first. */
export const topicIn = (text: string): string | undefined => /\bq\d+-(?:short|slow|code|long)\b/.exec(text)?.[0];

const kindOf = (topic: string): string => topic.slice(topic.indexOf('-') + 1);

const vocabulary = [
  ...['river', 'stone', 'of', 'a', 'the', 'naïve', 'window', 'because', 'seldom', 'lantern', '漢字', 'und', 'garden'],
  ...['*slowly*', 'twelve', '🙂', 'harbour', 'beneath', 'evening', '`code`', 'whisper', 'Ελλάδα', 'copper', 'north'],
] as const;

const words = (random: Random, count: number): string =>
  Array.from({ length: count }, () => random.pick(['river', ...vocabulary])).join(' ');

const paragraph = (random: Random): string => `${words(random, random.between(20, 70))}.`;

function codeBlock(random: Random): string {
  const lines = Array.from(
    { length: random.between(10, 60) },
    (_, index) => `${'  '.repeat(random.between(0, 3))}const line${index} = ${random.between(0, 1_000_000)};`,
  );
  return `\`\`\`ts\n${lines.join('\n')}\n\`\`\``;
}

function textOf(kind: string, random: Random): string {
  if (kind === 'short') return `${words(random, random.between(3, 40))}.`;
  if (kind === 'slow') return [paragraph(random), paragraph(random), paragraph(random)].join('\n\n');
  const length = kind === 'code' ? random.between(2_500, 6_500) : random.between(13_000, 15_000);
  const parts: string[] = [];
  while (parts.join('\n\n').length < length) parts.push(paragraph(random), codeBlock(random));
  return parts.join('\n\n');
}

/** The whole answer to a question about a topic; its end tells that it is whole. */
export const answerAbout = (topic: string): string =>
  `About ${topic}: ${textOf(kindOf(topic), createRandom(seedFrom(topic)))}\n\nThat is all about ${topic}.`;

/** How an answer comes: after how long, and then how much at a time and how often. All in milliseconds and characters. */
const gait: Readonly<Record<string, { first: number; size: number; between: number }>> = {
  short: { first: 250, size: 60, between: 60 },
  slow: { first: 500, size: 40, between: 160 },
  code: { first: 250, size: 160, between: 50 },
  long: { first: 250, size: 600, between: 60 },
};

/** The model: answers what it is asked about, at a pace of that kind. Tells when it is asked, and when all is said. */
export const answering = (source: Random, isAsked: () => void, haveSaid: () => void): Script =>
  async function* ({ body }: ModelRequest) {
    const topic = topicIn(plainText(body.messages.at(-1)?.content)) ?? topicOf(0, 'short');
    const random = source.fork();
    isAsked();
    const answer = answerAbout(topic);
    const { first, size, between } = gait[kindOf(topic)] ?? { first: 0, size: answer.length, between: 0 };
    await pause(random.between(0, first));
    for (let at = 0; at < answer.length; ) {
      const end = at + random.between(1, size);
      yield answer.slice(at, end);
      at = end;
      if (at < answer.length) await pause(random.between(0, between));
    }
    haveSaid();
  };
