import { createServer, type RequestListener } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { findChatApi } from '../../src/sandbox/chat-api.js';

/** A server on this machine, as Ollama is one. */
async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { name: `Server ${port}`, baseUrl: `http://127.0.0.1:${port}/v1` };
}

const listing =
  (...ids: string[]): RequestListener =>
  (_request, response) => {
    response.end(JSON.stringify({ object: 'list', data: ids.map((id) => ({ id, object: 'model' })) }));
  };

test('the first server that has a model to chat with is chosen', async () => {
  const ollama = await serve(listing('nomic-embed-text:latest', 'llama3.2:3b'));
  const studio = await serve(listing('qwen3'));
  expect(await findChatApi([ollama, studio])).toEqual({ ...ollama, model: 'llama3.2:3b' });
});

test('a model that was tuned for chat is preferred, and before it the one that is set', async () => {
  const ollama = await serve(listing('base', 'gemma:instruct'));
  expect(await findChatApi([ollama])).toMatchObject({ model: 'gemma:instruct' });
  expect(await findChatApi([ollama], 'base')).toMatchObject({ model: 'base' });
  expect(await findChatApi([ollama], 'gpt-5.4-mini')).toMatchObject({ model: 'gemma:instruct' });
});

test('a server that is silent, absent, something else or empty is none', async () => {
  const silent = await serve(() => {});
  const strange = await serve((_request, response) => response.end('<html>'));
  const empty = await serve(listing('bge-m3'));
  const absent = { name: 'Nobody', baseUrl: 'http://127.0.0.1:9/v1' };
  expect(await findChatApi([silent, strange, empty, absent])).toBeUndefined();
});
