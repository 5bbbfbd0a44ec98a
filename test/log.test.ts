import { expect, test } from 'vitest';
import { createLog } from '../src/log.js';

function logged(level = 'info') {
  const lines: string[] = [];
  return { lines, log: createLog(level, ['s3cret-token', 'sk-"odd"'], (line) => lines.push(line)) };
}

test('a secret is never written, wherever it stands', () => {
  const { log, lines } = logged();
  log.info({ deep: { header: 'Bot s3cret-token' }, list: ['sk-"odd"'] }, 's3cret-token in a message');
  log.error({ err: new Error('bad key s3cret-token', { cause: new Error('sk-"odd"') }) }, 'failed');
  expect(lines).toHaveLength(2);
  for (const line of lines) {
    expect(line).not.toContain('s3cret-token');
    expect(line).not.toContain('odd');
    expect(() => JSON.parse(line)).not.toThrow();
  }
});

test('an interaction’s token is never written', () => {
  const { log, lines } = logged();
  const url = 'https://discord.com/api/v10/webhooks/123/aW50ZXJhY3Rpb24_x/messages/@original';
  log.warn({ err: Object.assign(new Error('Unknown Webhook'), { url }) }, 'gone');
  expect(lines[0]).toContain('/webhooks/123/[token]/messages/@original');
});

test('of an error, what tells the cause is written, and not what people wrote', () => {
  const { log, lines } = logged();
  const body = { requestBody: { json: { content: 'dear diary' } }, rawError: { message: 'dear diary' } };
  const cause = new Error('socket closed');
  const error = Object.assign(new Error('Missing Access', { cause }), { code: 50001, status: 403, ...body });
  log.warn({ err: error }, 'not sent');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    err: { message: 'Missing Access', code: 50001, status: 403, cause: { message: 'socket closed' } },
  });
  expect(lines[0]).not.toContain('dear diary');
});

test('an error that quotes what it could not read is written without it', () => {
  const { log, lines } = logged();
  try {
    JSON.parse('dear diary');
  } catch (err) {
    log.warn({ err }, 'not read');
  }
  log.warn({ err: new Error(`no: ${'x'.repeat(400)} dear diary`) }, 'refused');
  expect(lines).toHaveLength(2);
  expect(lines.join('')).not.toContain('diary');
});

test('the level says how much is written', () => {
  const { log, lines } = logged('warn');
  log.info('not this');
  log.warn('this');
  expect(lines).toHaveLength(1);
});
