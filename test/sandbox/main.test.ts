import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client, GatewayDispatchEvents, GatewayIntentBits } from '@discordjs/core';
import { REST } from '@discordjs/rest';
import { WebSocketManager } from '@discordjs/ws';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { startModel } from '../../src/sandbox/model/model.js';
import { emptyFolder, readEvents, shareProgram, startProgram, statusOf, visit } from './program.js';
import { api, connect } from './raw.js';

const patient = { timeout: 15_000 };

test('without a token it prints one address, where the bot answers what people write, and remembers after a restart', async () => {
  const folder = emptyFolder();
  const first = startProgram(folder, ['--offline']);
  const address = await first.address();
  expect(first.output.out).toContain('THIS IS THE SANDBOX');
  expect(first.output.out.match(/https?:\/\/\S+/g)).toEqual([address]);
  const { ada, general, application, as, texts, bot } = await visit(address);
  expect(bot.isOnline).toBe(true);
  await as(ada)('POST', `/channels/${general.id}/messages`, { content: `<@${application.id}> Is anybody here?` });
  await expect
    .poll(() => texts(general), patient)
    .toEqual([
      expect.any(String),
      expect.stringMatching(
        /^I am the offline model[\s\S]*@ada \(Ada\) said:\n> Is anybody here\?[\s\S]*remember nothing[\s\S]*My system role: You are a helpful assistant[\s\S]*question\.$/,
      ),
    ]);
  const before = await texts(general);
  first.child.kill('SIGTERM');
  expect(await first.exit).toBe(0);
  expect(first.output.err).toBe('');

  const second = startProgram(folder, ['--offline']);
  const again = await visit(await second.address());
  expect(await again.texts(again.general)).toEqual(before);
  expect(again.ada).toEqual(ada);
  await again.as(again.ada)('POST', `/channels/${general.id}/messages`, { content: `<@${application.id}> And now?` });
  await expect
    .poll(async () => (await again.texts(general)).at(-1), patient)
    .toMatch(/I remember 1 exchange before that:\n- @ada \(Ada\): Is anybody here\?/);
});

test('a world that can’t be read is moved aside with a word, and never overwritten', async () => {
  const folder = emptyFolder();
  const data = join(folder, 'data', 'sandbox-only');
  mkdirSync(data, { recursive: true });
  writeFileSync(join(data, 'world.bin'), 'no world');
  const { address, output } = startProgram(folder, ['--only']);
  await address();
  expect(output.err).toMatch(/can’t be read .* moved to .*world\.bin\.\d+/);
  expect(readdirSync(data).filter((name) => name.startsWith('world.bin.2'))).toHaveLength(1);
});

test('a port that is taken is passed over, and two don’t share a folder', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  await new Promise((resolve) => taken.once('listening', resolve));
  const bound = taken.address();
  const port = typeof bound === 'object' && bound ? bound.port : 0;
  const folder = emptyFolder();
  const first = startProgram(folder, ['--only'], { SANDBOX_PORT: `${port}` });
  const address = await first.address();
  expect(Number(new URL(address).port)).toBeGreaterThan(port);
  const second = startProgram(folder, ['--only']);
  expect(await second.exit).toBe(1);
  expect(second.output.err.trim()).toBe(`The sandbox runs already: ${address}`);
});

test('a chat API that is set gets the questions and the key, which neither the bot nor the journal has', async () => {
  const apiKey = 'sk-a-key-that-nobody-may-see';
  const model = await startModel({ apiKey });
  onTestFinished(() => model.close());
  model.script('An answer');
  const settings = {
    OPENAI_API_KEY: apiKey,
    OPENAI_BASE_URL: model.url,
    OPENAI_MODEL: 'mine',
    OPENAI_TEMPERATURE: '0.5',
  };
  const { output, address: printed } = startProgram(emptyFolder(), [], { ...settings, LOG_LEVEL: 'debug' });
  const address = await printed();
  expect(output.out).toContain(`Answers come from mine at ${new URL(model.url).host}.`);
  const { ada, general, application, as, texts } = await visit(address);
  await as(ada)('POST', `/channels/${general.id}/messages`, { content: `<@${application.id}> hi` });
  await expect.poll(async () => (await texts(general)).at(-1), patient).toBe('An answer');
  expect(model.requests).toMatchObject([{ body: { model: 'mine', temperature: 0.5, stream: true } }]);
  const journal = await readEvents(address, (text) => text.includes('"kind":"model"'));
  expect(journal).not.toContain(apiKey);
  expect(await statusOf(address, '/sandbox/model/v1/models', {})).toBe(401);
});

test('in production a missing token is a fault, and nothing starts', async () => {
  const folder = emptyFolder();
  const { exit, output } = startProgram(folder, [], { NODE_ENV: 'production', OPENAI_API_KEY: 'sk-test' });
  expect(await exit).toBe(1);
  expect(output.err).toMatch(/^DISCORD_TOKEN is not set\./);
  expect(existsSync(join(folder, 'data'))).toBe(false);
});

test('other settings are checked before the sandbox starts', async () => {
  const { exit, output } = startProgram(emptyFolder(), [], { DISCORD_TOKEN: ' ', MAX_CONCURRENT: 'many' });
  expect(await exit).toBe(1);
  expect(output.err.trim()).toBe('MAX_CONCURRENT must be a whole number from 1 to 10000.');
});

describe('one that others connect to', () => {
  const only = shareProgram('--only');

  test('a client that is not ours logs in with what --only prints, and answers a mention', async () => {
    const { output } = only.program;
    const { ada, general, as, texts } = await visit(only.address);
    const token = /token +(\S+)/.exec(output.out)?.[1] ?? '';
    const rest = new REST({ api: /REST API +(\S+)/.exec(output.out)?.[1] ?? '' }).setToken(token);
    const gateway = new WebSocketManager({
      token,
      intents: GatewayIntentBits.Guilds | GatewayIntentBits.GuildMessages,
      rest,
    });
    onTestFinished(() => gateway.destroy());
    const client = new Client({ rest, gateway });
    client.on(GatewayDispatchEvents.MessageCreate, async ({ data, api: discord }) => {
      if (data.author.bot) return;
      await discord.channels.createMessage(data.channel_id, { content: `You said: ${data.content.split(' ').at(-1)}` });
    });
    const ready = new Promise<string>((resolve) => {
      client.once(GatewayDispatchEvents.Ready, ({ data }) => resolve(data.user.id));
    });
    await gateway.connect();
    const id = await ready;
    await as(ada)('POST', `/channels/${general.id}/messages`, { content: `<@${id}> hello` });
    await expect.poll(() => texts(general)).toEqual([`<@${id}> hello`, 'You said: hello']);
  });

  test('no route answers a foreign page or a foreign name', async () => {
    const { address } = only;
    const { port } = new URL(address);
    const { ada } = await visit(address);
    for (const path of [
      '/',
      '/index.html',
      '/sandbox/home',
      '/sandbox/journal',
      '/sandbox/model/v1/models',
      '/attachments/1/2/cat.png',
      '/api/v10/gateway',
    ]) {
      expect(await statusOf(address, path, { host: `evil.example:${port}` }), path).toBe(403);
      expect(await statusOf(address, path, { origin: 'https://evil.example' }), path).toBe(403);
      expect(await statusOf(address, path, { origin: 'null' }), path).toBe(403);
      expect(await statusOf(address, path, { host: `localhost:${port}`, authorization: ada.token }), path).not.toBe(
        403,
      );
    }
    const upgrade = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': `${'a'.repeat(22)}==`,
    };
    expect(await statusOf(address, '/?v=10&encoding=json', { ...upgrade, origin: 'https://evil.example' })).toBe(403);
  });

  test('the page comes with a policy that lets nothing foreign in, and nothing outside of its folder is served', async () => {
    const { address } = only;
    const page = await fetch(address);
    expect(page.status).toBe(200);
    const policy = page.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'; script-src 'self'");
    expect(policy).not.toContain('unsafe');
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    for (const path of [
      '/../src/main.js',
      '/%2e%2e/src/main.js',
      '/..%2fsrc/main.js',
      '/%2e%2e%2fsrc%2fmain.js',
      '/nothing.js',
    ]) {
      expect(await statusOf(address, path, {}), path).toBe(404);
    }
  });
});

describe('one with its bot', () => {
  const offline = shareProgram('--offline');

  test('the journal shows what the bot does and asks, without any token or key', async () => {
    const { address } = offline;
    const { ada, bob, cleo, general, application, as, url } = await visit(address);
    await as(ada)('POST', `/channels/${general.id}/messages`, { content: `<@${application.id}> hi` });
    // The bot registers its commands when it is there already.
    const help = await vi.waitUntil(async () => {
      const { body } = await as(ada)('GET', `/channels/${general.id}/application-command-index`);
      const commands: { id: string; name: string }[] = body.application_commands;
      return commands.find(({ name }) => name === 'help');
    }, patient);
    const data = { id: help.id, name: 'help', type: 1 };
    await as(ada)('POST', '/interactions', { type: 2, application_id: application.id, channel_id: general.id, data });
    const kinds = [
      '"kind":"gateway"',
      '"kind":"rest"',
      '"kind":"model"',
      '"kind":"bot"',
      '/callback',
      '"t":"INTERACTION_CREATE"',
    ];
    const text = await readEvents(address, (read) => kinds.every((kind) => read.includes(kind)));
    expect(text).toMatch(/"kind":"model".*"content":"@ada \(Ada\):\\n\| hi".*"tokens":\d\d/);
    expect(text).toContain('"path":"/interactions/');
    for (const { token } of [ada, bob, cleo]) expect(text).not.toContain(token);
    const botToken = Buffer.from(application.id).toString('base64url');
    expect(text).not.toContain(`${botToken}.`);
    expect(text).not.toMatch(/aW50ZXJhY3Rpb246/);
    expect((await api({ url }, 'Bot [secret]')('GET', '/users/@me')).status).toBe(401);
  });

  test('faults that are ordered meet the bot, and it answers the next mention', async () => {
    const { address } = offline;
    const { ada, general, application, as, texts } = await visit(address);
    const order = async (body: unknown) => {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${address}/sandbox/faults`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      return response.status;
    };
    const mention = (text: string) =>
      as(ada)('POST', `/channels/${general.id}/messages`, { content: `<@${application.id}> ${text}` });
    const last = async () => (await texts(general)).at(-1);
    expect(await order({ fault: 'gravity' })).toBe(400);
    expect(await order({ fault: 'drop', of: 'everybody' })).toBe(400);

    const page = await connect({ url: `${address}/api` });
    page.identify(ada.token);
    await page.got('READY');
    expect(await order({ fault: 'drop' })).toBe(204);
    await readEvents(address, (text) => text.includes('"t":"RESUMED"'));
    expect(page.socket.readyState).toBe(page.socket.OPEN);
    await mention('still there?');
    await expect.poll(last, patient).toMatch(/said:\n> still there\?[\s\S]*My system role/);

    expect(await order({ fault: 'model-refusal', refusal: 'credit' })).toBe(204);
    await mention('and now?');
    await expect.poll(last, patient).toMatch(/^My credit with the language model is used up/);

    expect(await order({ fault: 'server-error', times: 1 })).toBe(204);
    await mention('in spite of trouble?');
    await expect.poll(last, patient).toContain('> in spite of trouble?');
    page.socket.close();
  });

  test('the message content intent can be switched, and a bot that dies of it is said so and started again', async () => {
    const { address } = offline;
    const post = async (path: string, body: unknown) => {
      const headers = { 'content-type': 'application/json' };
      return (await fetch(`${address}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).status;
    };
    expect(await post('/sandbox/switches', { messageContent: 'on' })).toBe(204);
    expect(await post('/sandbox/bot', { do: 'restart' })).toBe(204);
    await readEvents(address, (text) => text.includes('\\"readsAllMessages\\":true'));
    expect((await visit(address)).application.messageContent).toBe('on');

    // Discord ends the connection for good where an intent was taken away behind the bot's back.
    await post('/sandbox/switches', { messageContent: 'off' });
    await post('/sandbox/faults', { fault: 'invalidate' });
    const text = await readEvents(address, (read) => read.split('\\"readsAllMessages\\":false').length > 2);
    expect(text).toContain('The bot has ended (exit code 1). It is started again in 2 s.');
  });

  test('what was said a second before it is killed is still there, and the bot ends with it', async () => {
    const { program, folder, address } = offline;
    const { ada, general, as, texts } = await visit(address);
    const before = await texts(general);
    await as(ada)('POST', `/channels/${general.id}/messages`, { content: 'Remember me' });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    program.child.kill('SIGKILL');
    await program.exit;
    await expect.poll(program.isThere, patient).toBe(false);
    const second = startProgram(folder, ['--offline']);
    const again = await visit(await second.address());
    expect(await again.texts(general)).toEqual([...before, 'Remember me']);
    expect(again.bot.isOnline).toBe(true);
  });
});
