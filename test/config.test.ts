import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isLoopback, readConfig, settings } from '../src/config.js';
import { ConfigError } from '../src/errors.js';

const token = `${'a'.repeat(24)}.abcdef.${'b'.repeat(27)}`;
const enough = { DISCORD_TOKEN: token, OPENAI_API_KEY: 'sk-test' };

const faultsOf = (environment: Record<string, string | undefined>): string => {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
};

test('a token and a key are enough, and the rest has defaults', () => {
  expect(readConfig(enough)).toEqual({
    ...enough,
    OPENAI_BASE_URL: 'https://api.openai.com/v1',
    OPENAI_MODEL: 'gpt-5.4-mini',
    OPENAI_STREAM: true,
    OPENAI_TIMEOUT: 60,
    SYSTEM_PROMPT: settings.SYSTEM_PROMPT.byDefault,
    DATABASE_PATH: 'data/parley.db',
    CONTEXT_TOKENS: 16000,
    MAX_CONCURRENT: 8,
    DISCORD_API_URL: 'https://discord.com/api',
    LOG_LEVEL: 'info',
  });
});

test('an empty value counts as not set', () => {
  expect(readConfig({ ...enough, OPENAI_MODEL: ' ', OPENAI_TOP_P: '' })).toMatchObject({
    OPENAI_MODEL: 'gpt-5.4-mini',
  });
  expect(readConfig({ ...enough, OPENAI_TOP_P: '' }).OPENAI_TOP_P).toBeUndefined();
});

test('all faults are told together, by name', () => {
  const faults = faultsOf({
    OPENAI_TEMPERATURE: '3',
    OPENAI_STREAM: 'maybe',
    MAX_CONCURRENT: '1.5',
    LOG_LEVEL: 'loud',
  });
  for (const name of [
    'DISCORD_TOKEN',
    'OPENAI_API_KEY',
    'OPENAI_TEMPERATURE',
    'OPENAI_STREAM',
    'MAX_CONCURRENT',
    'LOG_LEVEL',
  ]) {
    expect(faults).toContain(`${name} `);
  }
  expect(faults.split('\n')).toHaveLength(6);
});

test('no fault tells a value', () => {
  const value = fc.string({ minLength: 6 }).filter((text) => text.trim().length >= 6 && !/^[\d.e]+$/.test(text));
  const names = Object.keys(settings).filter((name) => settings[name as keyof typeof settings].byDefault !== undefined);
  fc.assert(
    fc.property(fc.constantFrom(...names), value, (name, text) => {
      const odd = `§${text}§`;
      expect(faultsOf({ ...enough, [name]: odd })).not.toContain(odd);
    }),
  );
});

test('a token that can’t be one is refused without being told', () => {
  expect(faultsOf({ ...enough, DISCORD_TOKEN: 'my client secret' })).toMatch(/^DISCORD_TOKEN is not a bot token/);
});

test('an address with a password in it is refused', () => {
  expect(faultsOf({ ...enough, OPENAI_BASE_URL: 'http://me:hunter2@localhost/v1' })).toMatch(/^OPENAI_BASE_URL must/);
});

test.each(['http://localhost:11434/v1', 'http://127.0.0.1:1234/v1', 'http://[::1]:8080/v1'])(
  '%s needs no key',
  (address) => {
    expect(readConfig({ DISCORD_TOKEN: token, OPENAI_BASE_URL: address }).OPENAI_API_KEY).toBeUndefined();
  },
);

test.each(['https://localhost.example.com/v1', 'https://api.example.com', 'http://192.168.1.5/v1'])(
  '%s needs a key',
  (address) => {
    expect(isLoopback(address)).toBe(false);
    expect(faultsOf({ DISCORD_TOKEN: token, OPENAI_BASE_URL: address })).toMatch(/^OPENAI_API_KEY/);
  },
);

describe('the three lists of settings are one', () => {
  const listed = Object.entries(settings).map(([name, { byDefault, help }]) => ({ name, byDefault, help }));

  test('.env.example has every setting with its help and its default, in order', () => {
    const text = readFileSync(new URL('../.env.example', import.meta.url), 'utf8');
    const entries = [...text.matchAll(/^# (.*)\n(?:# )?(\w+)=(.*)$/gm)].map(([, help, name, byDefault]) => ({
      name,
      byDefault,
      help,
    }));
    expect(entries).toEqual(listed);
  });

  test('the README’s table has every setting with its help and its default, in order', () => {
    const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const rows = [...text.matchAll(/^\| `([A-Z_]+)` \| (.*?) \| (.*) \|$/gm)].map(([, name, byDefault, help]) => ({
      name,
      byDefault: byDefault?.replaceAll('`', ''),
      help,
    }));
    expect(rows).toEqual(listed);
  });
});
