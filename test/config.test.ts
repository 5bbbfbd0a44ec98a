import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isForSandbox, isLoopback, readConfig, readSandboxConfig, settings } from '../src/config.js';
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
    MAX_WAITING_PER_PERSON: 5,
    MAX_WAITING_PER_CHANNEL: 25,
    CATCH_UP_MINUTES: 10,
    DISCORD_REQUESTS_PER_SECOND: 50,
    DISCORD_API_URL: 'https://discord.com/api',
    SANDBOX_PORT: 3000,
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

test.each(['https://api.example.com/v1?api-version=1', 'https://api.example.com/v1#', 'http://api.example.com?'])(
  'an address to which no path can be appended is refused: %s',
  (address) => {
    expect(faultsOf({ ...enough, OPENAI_BASE_URL: address })).toMatch(/^OPENAI_BASE_URL must/);
    expect(faultsOf({ ...enough, DISCORD_API_URL: address })).toMatch(/^DISCORD_API_URL must/);
  },
);

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

describe('in the sandbox', () => {
  test('nothing has to be set, and what the sandbox sets itself is not looked at', () => {
    expect(readSandboxConfig({}).hasChatApi).toBe(false);
    expect(() => readSandboxConfig({ DISCORD_TOKEN: 'none', DISCORD_API_URL: 'none' })).not.toThrow();
  });

  test('other settings are checked all the same', () => {
    expect(() => readSandboxConfig({ OPENAI_TOP_P: '3', SANDBOX_PORT: '0' })).toThrow(
      'OPENAI_TOP_P must be a number from 0 to 1.\nSANDBOX_PORT must be a whole number from 1 to 65535.',
    );
  });

  test('a key or an address of one’s own is a chat API; the usual address without a key is none', () => {
    expect(readSandboxConfig({ OPENAI_API_KEY: 'sk-test' }).hasChatApi).toBe(true);
    expect(readSandboxConfig({ OPENAI_BASE_URL: 'http://localhost:8080/v1' }).hasChatApi).toBe(true);
    expect(readSandboxConfig({ OPENAI_BASE_URL: 'https://api.openai.com/v1' }).hasChatApi).toBe(false);
    expect(() => readSandboxConfig({ OPENAI_BASE_URL: 'https://example.com/v1' })).toThrow(
      'OPENAI_API_KEY is not set.',
    );
  });

  test('it starts where there is no token, but not in production', () => {
    expect(isForSandbox({})).toBe(true);
    expect(isForSandbox({ DISCORD_TOKEN: ' ' })).toBe(true);
    expect(isForSandbox({ DISCORD_TOKEN: 'my client secret' })).toBe(false);
    expect(isForSandbox({ NODE_ENV: 'production' })).toBe(false);
  });
});

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
