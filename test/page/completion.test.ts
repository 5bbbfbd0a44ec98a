import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeMentions, encodeMentions, suggestions, type Vocabulary } from '../../src/page/completion.js';

const vocabulary: Vocabulary = {
  people: [
    { id: '1', name: 'Ada', detail: 'ada' },
    { id: '2', name: 'Ada Lovelace', detail: 'lovelace' },
    { id: '3', name: 'Parley', detail: 'parley', isApp: true },
  ],
  channels: [
    { id: '8', name: 'general' },
    { id: '9', name: 'garden' },
  ],
  commands: [
    { name: 'ask', description: 'Ask.', applicationName: 'Parley' },
    { name: 'system set', description: 'Set.', applicationName: 'Parley' },
  ],
};
const labels = (text: string, caret = text.length) => suggestions(text, caret, vocabulary).map(({ label }) => label);

test('an @ offers people, a # channels, a slash at the beginning commands', () => {
  expect(labels('hello @pa')).toEqual(['Parley']);
  expect(labels('in #g')).toEqual(['general', 'garden']);
  expect(labels('/')).toEqual(['/ask', '/system set']);
  expect(labels('/system s')).toEqual(['/system set']);
  expect(labels('what / is this')).toEqual([]);
});

test('somebody is found by either name', () => {
  expect(labels('@love')).toEqual(['Ada Lovelace']);
});

test('two letters behind a colon offer emoji', () => {
  expect(labels('so :rock')).toEqual(['🚀 :rocket:']);
  expect(labels('so: ')).toEqual([]);
  expect(labels('at 10:30')).toEqual([]);
});

test('a name that is written out is not in the way of Enter', () => {
  expect(labels('@Parley')).toEqual([]);
  expect(labels('@Ada')).toEqual(['Ada', 'Ada Lovelace']);
});

test('a suggestion takes the place of the word before the caret', () => {
  const [first] = suggestions('a @par b', 6, vocabulary);
  expect(first).toMatchObject({ text: '@Parley ', from: 2 });
});

test('names become mentions, the longest that fits first', () => {
  expect(encodeMentions('@Ada Lovelace and @ada, see #garden!', vocabulary)).toBe('<@2> and <@1>, see <#9>!');
});

test('an address and a longer word are no mention', () => {
  expect(encodeMentions('me@ada.example @Adam #gardening', vocabulary)).toBe('me@ada.example @Adam #gardening');
});

test('code mentions nobody', () => {
  expect(encodeMentions('`@Ada` ```\n@Ada\n``` @Ada', vocabulary)).toBe('`@Ada` ```\n@Ada\n``` <@1>');
});

test('a text that was sent is edited as it was typed, and then means the same', () => {
  const piece = fc.constantFrom('<@1>', '<@2>', '<#9>', '<@77>', 'word', '`<@1>`', ',');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const sent = pieces.join(' ');
      expect(encodeMentions(decodeMentions(sent, vocabulary), vocabulary)).toBe(sent);
    }),
  );
});
