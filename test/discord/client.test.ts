import { expect, test, vi } from 'vitest';
import { ConfigError } from '../../src/errors.js';
import { openHome, openSandbox, startBot } from './home.js';

test('a token that REST refuses while the bot runs is told in one line', async () => {
  const { discord, app, ada, general, model, lost } = await openHome();
  model.script('Hello.');
  discord.faults.rest({
    method: 'POST',
    of: app,
    answer: { status: 401, body: { code: 0, message: '401: Unauthorized' } },
  });
  await ada.says(general, `${app.mention} hi`);
  await vi.waitUntil(() => lost.length > 0);
  expect(lost[0]).toBeInstanceOf(ConfigError);
  expect(lost[0]?.message).toMatch(/^DISCORD_TOKEN is not accepted by Discord\..*$/);
});

test('Discord out of reach is told in one line', async () => {
  const sandbox = await openSandbox();
  const reason = await startBot({ ...sandbox, discord: { ...sandbox.discord, url: 'http://127.0.0.1:9/api' } }).catch(
    (error: unknown) => error,
  );
  expect(reason).toBeInstanceOf(ConfigError);
  expect(reason).toMatchObject({ message: expect.stringMatching(/^Discord can’t be reached.*$/) });
});
