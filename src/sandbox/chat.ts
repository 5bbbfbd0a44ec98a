import { type ChatApi, findChatApi, localServers } from './chat-api.js';
import type { Journal } from './journal.js';
import { demonstrate } from './model/demonstration.js';
import { startModel } from './model/model.js';
import { createRelay, type Relay } from './model/relay.js';

export interface ChatSettings {
  /** The chat API that the bot is set to; where there is none, one is looked for. */
  readonly chatApi: ChatApi | undefined;
  /** The model to take, where a chat API is found that has it. */
  readonly preferredModel: string;
  readonly isOffline: boolean;
  readonly loadTokenizer: () => Promise<(text: string) => number>;
}

/** The chat API behind its relay. */
export interface Chat {
  readonly api: ChatApi;
  readonly relay: Relay;
  /** Where answers come from, for a sentence. */
  readonly origin: string;
  close(): Promise<void>;
}

/** Opens the bot's chat API: the one it is set to, one that is found on this machine, or the offline model. */
export async function openChat(settings: ChatSettings, journal: Journal): Promise<Chat> {
  const { chatApi, preferredModel, isOffline, loadTokenizer } = settings;
  if (chatApi) return relayTo(chatApi, `${chatApi.model} at ${chatApi.name}`);
  const found = isOffline ? undefined : await findChatApi(localServers, preferredModel);
  if (found) return relayTo(found, `${found.model} of ${found.name}, which was found on this machine`);
  const model = await startModel();
  model.script(demonstrate);
  const api = { name: 'the offline model', baseUrl: model.url, model: 'offline' };
  return relayTo(api, 'the offline model, which tells what it was sent', model.close);

  async function relayTo(api: ChatApi, origin: string, close = async () => {}): Promise<Chat> {
    const count = await loadTokenizer();
    const relay = createRelay(api, (request) => {
      journal.note({ kind: 'model', at: Date.now(), request, tokens: count(promptOf(request)) });
    });
    for (const secret of [relay.apiKey, api.apiKey ?? '']) journal.hide(secret);
    return { api, relay, origin, close };
  }
}

/** All texts of a request's messages. */
function promptOf(request: unknown): string {
  const messages = request !== null && typeof request === 'object' && 'messages' in request ? request.messages : [];
  return Array.isArray(messages) ? messages.map((message) => String(message?.content ?? '')).join('\n') : '';
}
