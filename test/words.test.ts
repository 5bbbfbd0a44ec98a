import { expect, test } from 'vitest';
import { ModelError, StoreError } from '../src/errors.js';
import { systemLanguage, wordsFor } from '../src/words.js';

test('the language is that of LC_ALL, LC_MESSAGES or LANG, whichever is the first that is not empty', () => {
  const spoken = (environment: Readonly<Record<string, string>>) => wordsFor(systemLanguage(environment)).you;
  const chinese = ['zh_CN.UTF-8', 'zh_TW', 'zh_CN.UTF-8@pinyin', 'zh-Hans', 'zh'];
  const english = ['', 'C', 'C.UTF-8', 'POSIX', 'en_US.UTF-8', 'de_DE@euro', 'zha', '..'];
  expect(chinese.map((LANG) => spoken({ LANG }))).toEqual(chinese.map(() => '问：'));
  expect(english.map((LANG) => spoken({ LANG }))).toEqual(english.map(() => 'You: '));
  expect(spoken({ LC_ALL: '', LANG: 'zh_CN' })).toBe('问：');
  expect(spoken({ LC_ALL: 'C', LC_MESSAGES: 'zh_CN', LANG: 'zh_CN' })).toBe('You: ');
  expect(spoken({ LC_MESSAGES: 'zh_CN', LANG: 'en_US' })).toBe('问：');
  expect(spoken({})).toBe('You: ');
});

test('a failure is told in the language too, and nobody is sent to a log or to somebody else', () => {
  expect(wordsFor('zh-CN').explain(new ModelError('rejected'))).toBe('语言模型不接受这个请求。');
  expect(wordsFor('en').explain(new ModelError('rejected'))).toBe('The language model did not accept the request.');
  expect(wordsFor('en').explain(new StoreError('full'))).toBe('I can’t write anything down: my disk is full.');
  expect(wordsFor('zh-CN').explain(new Error('secret'))).not.toContain('secret');
});
