import { channel } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
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

test('in a flood of events, everything else has its turn in between', async () => {
  await openHome();
  // Any websocket is read like the gateway's.
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  server.on('connection', (peer) => {
    for (let event = 0; event < 2000; event++) peer.send('x'.repeat(1000));
    peer.close();
  });
  let rounds = 0;
  let isOver = false;
  const goRound = () => {
    rounds += 1;
    if (!isOver) setImmediate(goRound);
  };
  const eventsIn = new Map<number, number>();
  const { port } = server.address() as AddressInfo; // of TCP
  const client = new WebSocket(`ws://127.0.0.1:${port}`);
  client.on('message', () => eventsIn.set(rounds, (eventsIn.get(rounds) ?? 0) + 1));
  goRound();
  await once(client, 'close');
  isOver = true;
  const counts = [...eventsIn.values()];
  expect(counts.reduce((all, count) => all + count, 0)).toBe(2000);
  // A piece has 64 kilobytes.
  expect(Math.max(...counts)).toBeLessThan(150);
});

test('of small pieces, as an encrypted connection gives them, many are read in a round', async () => {
  const request = Object.assign(new EventEmitter(), { getHeader: () => 'websocket' });
  channel('http.client.request.start').publish({ request });
  const told: string[] = [];
  const socket = Object.assign(new EventEmitter(), {
    isPaused: () => told.at(-1) === 'pause',
    pause: () => told.push('pause'),
    resume: () => told.push('resume'),
  });
  request.emit('upgrade', {}, socket);
  const piece = Buffer.alloc(1000);
  for (let count = 0; count < 32; count++) socket.emit('data', piece);
  expect(told).toEqual([]);
  for (let count = 0; count < 3; count++) socket.emit('data', piece);
  expect(told).toEqual(['pause']);
  await new Promise(setImmediate);
  expect(told).toEqual(['pause', 'resume']);
  for (let count = 0; count < 32; count++) socket.emit('data', piece);
  expect(told).toEqual(['pause', 'resume']);
});
