import type { APIApplicationCommandBasicOption } from 'discord-api-types/v10';
import { expect, test } from 'vitest';
import { type CommandIndex, commandData, faultOf, usables } from '../../src/page/command.js';

// As Discord sends them, without what the page does not read.
const index = {
  applications: [{ id: '5', name: 'Parley' }],
  application_commands: [
    {
      id: '10',
      application_id: '5',
      version: '1',
      type: 1,
      name: 'ask',
      description: 'Ask a question.',
      options: [
        { type: 5, name: 'private', description: 'Only you see it.' },
        { type: 3, name: 'prompt', description: 'What?', required: true, max_length: 5 },
        { type: 4, name: 'count', description: 'How many?', min_value: 1, max_value: 3 },
      ],
    },
    {
      id: '11',
      application_id: '5',
      version: '1',
      type: 1,
      name: 'system',
      description: 'The system role.',
      options: [
        { type: 1, name: 'set', description: 'Set it.', options: [{ type: 3, name: 'text', description: 'Text' }] },
        { type: 1, name: 'show', description: 'Show it.' },
      ],
    },
    { id: '12', application_id: '5', version: '1', type: 3, name: 'Quote', description: '' },
  ],
} as unknown as CommandIndex;

const usable = (name: string) => {
  const found = usables(index).find((one) => one.name === name);
  if (found === undefined) throw new Error(`There is no ${name}`);
  return found;
};
const option = (name: string): APIApplicationCommandBasicOption => {
  const found = usable('ask').options.find((one) => one.name === name);
  if (found === undefined) throw new Error(`There is no ${name}`);
  return found;
};

test('each subcommand is a command to type, and what is in a menu is none', () => {
  expect(usables(index).map(({ name, description }) => [name, description])).toEqual([
    ['ask', 'Ask a question.'],
    ['system set', 'Set it.'],
    ['system show', 'Show it.'],
  ]);
});

test('required options come first', () => {
  expect(usable('ask').options.map(({ name }) => name)).toEqual(['prompt', 'private', 'count']);
});

test('options that were given are sent with their types', () => {
  const values = new Map([
    ['prompt', 'Hi'],
    ['private', 'true'],
    ['count', '2'],
  ]);
  expect(commandData(usable('ask'), values)).toMatchObject({
    id: '10',
    name: 'ask',
    type: 1,
    options: [
      { type: 3, name: 'prompt', value: 'Hi' },
      { type: 5, name: 'private', value: true },
      { type: 4, name: 'count', value: 2 },
    ],
  });
});

test('options that were left empty are not sent', () => {
  expect(commandData(usable('ask'), new Map([['private', '']]))).toMatchObject({ options: [] });
});

test('the options of a subcommand stand within it', () => {
  expect(commandData(usable('system set'), new Map([['text', 'Be kind']]))).toMatchObject({
    name: 'system',
    options: [{ type: 1, name: 'set', options: [{ type: 3, name: 'text', value: 'Be kind' }] }],
  });
});

test('what Discord would refuse is told before it is sent', () => {
  expect(faultOf(option('prompt'), '')).toBe('prompt is required');
  expect(faultOf(option('prompt'), 'too long')).toBe('prompt can be at most 5 characters');
  expect(faultOf(option('prompt'), '😀😀😀😀😀')).toBeUndefined();
  expect(faultOf(option('count'), 'two')).toBe('count has to be a number');
  expect(faultOf(option('count'), '1.5')).toBe('count has to be a whole number');
  expect(faultOf(option('count'), '4')).toBe('count can be at most 3');
  expect(faultOf(option('private'), '')).toBeUndefined();
});
