import { z } from 'zod';

/** A chat completions API that the bot's questions can go to. */
export interface ChatApi {
  /** What people know it as. */
  readonly name: string;
  /** Up to and with `/v1`. */
  readonly baseUrl: string;
  readonly model: string;
  readonly apiKey?: string | undefined;
}

/** Where servers on this machine listen, if nobody has told them otherwise. */
export const localServers = [
  { name: 'Ollama', baseUrl: 'http://127.0.0.1:11434/v1' },
  { name: 'LM Studio', baseUrl: 'http://127.0.0.1:1234/v1' },
] as const;

const answerWithinMs = 500;

const ModelList = z.object({ data: z.array(z.object({ id: z.string() })) });

/** Models that make something else than an answer: embeddings, rankings, speech, pictures. */
const notForChat = /embed|bge-|minilm|rerank|whisper|tts|clip|diffusion|flux|moderation/i;

/**
 * The first of these servers that answers within half a second and has a model to chat with: the `preferred` one if it
 * lists that, else one that was tuned to follow instructions, else its first.
 */
export async function findChatApi(
  servers: readonly Pick<ChatApi, 'name' | 'baseUrl'>[],
  preferred?: string,
): Promise<ChatApi | undefined> {
  const answers = await Promise.all(
    servers.map(async (server) => {
      const model = chooseModel(await modelsOf(server.baseUrl), preferred);
      return model === undefined ? undefined : { ...server, model };
    }),
  );
  return answers.find((answer) => answer !== undefined);
}

async function modelsOf(baseUrl: string): Promise<string[]> {
  try {
    const response = await fetch(`${baseUrl}/models`, {
      signal: AbortSignal.timeout(answerWithinMs),
      redirect: 'error',
    });
    return ModelList.parse(await response.json()).data.map(({ id }) => id);
  } catch {
    // Nobody there, too slow, or something else than a chat API.
    return [];
  }
}

function chooseModel(models: readonly string[], preferred: string | undefined): string | undefined {
  const able = models.filter((model) => !notForChat.test(model));
  if (preferred !== undefined && models.includes(preferred)) return preferred;
  return able.find((model) => /instruct|chat|[-:]it\b/i.test(model)) ?? able[0];
}
