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

test('what comes faster than it is read is kept', async () => {
  const finished = vi.fn();
  await using server = await serverThat((_, response) => {
    response.on('finish', finished).end('x'.repeat(30_000_000));
  });
  const sent = send(server.baseUrl);
  await sent.answered;
  await vi.waitUntil(() => finished.mock.calls.length > 0, { timeout: 30_000 });
  expect(await textOf(sent)).toHaveLength(30_000_000);
});

test('a server that sends far more than is read is ended', async () => {
  const closed = vi.fn();
  await using server = await serverThat((request, response) => {
    request.socket.on('close', closed);
    const write = () => {
      while (response.write('x'.repeat(100_000)));
      response.once('drain', write);
    };
    write();
  });
  const sent = send(server.baseUrl);
  const { read } = await sent.answered;
  await vi.waitUntil(() => closed.mock.calls.length > 0, { timeout: 30_000 });
  const readOn = async () => {
    while (await read());
  };
  await expect(readOn()).rejects.toThrow('more than is read');
});

test('a connection that breaks while much is unread is an error for its reader, and for nobody else', async () => {
  await using server = await rawServerThat((socket) => {
    socket.once('data', async () => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n');
      for (let piece = 0; piece < 30; piece++) {
        socket.write('3\r\nabc\r\n');
        await wait(2);
      }
      socket.resetAndDestroy();
    });
  });
  const sent = send(server.baseUrl);
  const { read } = await sent.answered;
  await wait(300);
  const readOn = async () => {
    while (await read());
  };
  await expect(readOn()).rejects.toThrow();
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
