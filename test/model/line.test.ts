import { setTimeout as wait } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { openLine, type Sent } from '../../src/model/line.js';
import { rawServerThat, serverThat } from './server.js';

const send = (baseUrl: string): Sent => openLine({})(new URL(baseUrl), '{}');

async function textOf({ answered }: Sent): Promise<string> {
  const { read } = await answered;
  let text = '';
  for (let bytes = await read(); bytes; bytes = await read()) text += String(Buffer.from(bytes));
  return text;
}

test('an answer is read to its end, and what came before it is no answer', async () => {
  await using server = await serverThat((_, response) => {
    response.writeEarlyHints({ link: '</style>; rel=preload' });
    response.setHeader('x-request-id', 'r1').setHeader('set-cookie', 'a=b').end('Hello.');
  });
  const sent = send(server.baseUrl);
  expect(await sent.answered).toMatchObject({ status: 200, headers: { 'x-request-id': 'r1' } });
  expect((await sent.answered).headers).not.toHaveProperty('set-cookie');
  expect(await textOf(sent)).toBe('Hello.');
  expect(await (await sent.answered).read()).toBeUndefined();
});

test('a server that sends faster than it is read has to wait', async () => {
  const most = 50_000_000;
  let written = 0;
  await using server = await serverThat((_, response) => {
    const write = () => {
      while (written < most) {
        written += 100_000;
        if (!response.write('x'.repeat(100_000))) return response.once('drain', write);
      }
      return response.end();
    };
    write();
  });
  const sent = send(server.baseUrl);
  await sent.answered;
  // As much as two sockets and sixteen pieces hold.
  let before = -1;
  await vi.waitUntil(
    () => {
      const hasStopped = written === before;
      before = written;
      return hasStopped;
    },
    { interval: 200, timeout: 20_000 },
  );
  expect(written).toBeLessThan(most / 2);
  expect(await textOf(sent)).toHaveLength(most);
});

test('what was ended is over for whoever waits for it, at once: before there is a connection, before an answer and amid it', async () => {
  const why = new Error('Enough.');
  const closed = vi.fn();
  await using server = await rawServerThat((socket) => {
    socket.on('close', closed).once('data', (bytes) => {
      if (String(bytes).startsWith('POST /v1/amid')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nHel');
    });
  });
  const unsent = send(server.baseUrl);
  unsent.end(why);
  await expect(unsent.answered).rejects.toBe(why);

  const unanswered = send(server.baseUrl);
  await wait(50);
  unanswered.end(why);
  await expect(unanswered.answered).rejects.toBe(why);

  const amid = send(`${server.baseUrl}/amid`);
  const { read } = await amid.answered;
  expect(String(await read())).toBe('Hel');
  const next = read();
  amid.end(why);
  amid.end(new Error('Once more.'));
  await expect(next).rejects.toBe(why);
  await expect(read()).rejects.toBe(why);
  await vi.waitUntil(() => closed.mock.calls.length >= 2);
});

test('what is left unread passes, and its connection serves again; one that goes on is ended', async () => {
  const connections = new Set<unknown>();
  let isEndless = false;
  const closed = vi.fn();
  await using server = await serverThat(async (request, response) => {
    connections.add(request.socket);
    response.write('Hello.');
    await wait(50);
    if (!isEndless) return void response.end('x'.repeat(3_000_000));
    response.on('close', closed);
  });
  const line = openLine({});
  for (let request = 0; request < 3; request++) {
    const sent = line(new URL(server.baseUrl), '{}');
    const { read } = await sent.answered;
    expect(String(await read())).toBe('Hello.');
    sent.leave();
    await wait(300);
  }
  expect(connections.size).toBe(1);
  isEndless = true;
  const endless = line(new URL(server.baseUrl), '{}');
  await endless.answered;
  endless.leave();
  await vi.waitUntil(() => closed.mock.calls.length === 1, { timeout: 10_000 });
});
