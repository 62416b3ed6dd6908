import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { GatehouseError, type Logger } from '../config/index.ts';
import type { Embedder, Library } from './binding.ts';
import type { ChatRequest, Usage } from './contract.ts';
import { functionsOf, historyOf, schemaOf, unusable } from './history.ts';

/** What is loaded, and how. */
export interface EngineOptions {
  /** Folder in which node-llama-cpp is installed. */
  library: string;
  /** Path of the GGUF file. */
  file: string;
  threads?: number | undefined;
  /** Tokens of prompt and answer together. */
  context?: number | undefined;
  embeddings?: boolean | undefined;
  log: Logger;
}

/** What one question came to. */
export interface Completion {
  text: string;
  calls: { name: string; args: string }[];
  finish: 'stop' | 'length' | 'tool_calls';
  usage: Usage;
}

/** A model in memory. It does one thing at a time; whoever calls takes turns. */
export interface Engine {
  readonly name: string;
  readonly contextSize: number;
  readonly embeds: boolean;
  /** @throws GatehouseError `GH-INFER-003` and `-004` for a request that cannot be served, `-005` for one that is too long */
  complete(
    request: ChatRequest,
    options: { signal: AbortSignal; said: (text: string) => void },
  ): Promise<Completion>;
  /** @throws GatehouseError `GH-INFER-005` for a text that is too long */
  embed(texts: readonly string[]): Promise<{ vectors: (readonly number[])[]; tokens: number }>;
  unload(): Promise<void>;
}

const usualContext = 8192;

/**
 * Loads a model for the CPU. One sequence is kept between questions, so that one that begins as the last did is evaluated from
 * where they part.
 * @throws GatehouseError `GH-INFER-001` for a file that is no usable model, `-002` where the library has nothing for this machine
 */
export async function loadEngine(options: EngineOptions): Promise<Engine> {
  const { file, log } = options;
  await checkFile(file);
  const threads = options.threads ?? availableParallelism();
  const { getLlama, LlamaChat } = await importLibrary(options.library);
  const llama = await getLlama({
    ...{ gpu: false, build: 'never', skipDownload: true, progressLogs: false, maxThreads: threads },
    logLevel: 'warn',
    logger: (level: string, message: string) => log[level === 'warn' ? 'debug' : 'error'](message.trim()),
  }).catch((error: unknown) => {
    throw noLibrary(error);
  });
  try {
    const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
    const contextSize = options.context ?? Math.min(model.trainContextSize, usualContext);
    // With all of a sliding window kept, any beginning can be taken up again.
    const context = await model.createContext({ contextSize, sequences: 1, threads, swaFullCache: true });
    const chat = new LlamaChat({ contextSequence: context.getSequence() });
    const embedder = options.embeddings ? await model.createEmbeddingContext({ threads, contextSize }) : null;
    const { sequence } = chat;
    return {
      name: basename(file).replace(/\.gguf$/i, ''),
      contextSize: sequence.contextSize,
      embeds: embedder !== null,
      async complete(request, { signal, said }) {
        const history = historyOf(request.messages);
        const functions = functionsOf(request);
        // The library holds an answer to a schema, or lets it call; a call's arguments are always held to theirs.
        const schema = functions ? null : schemaOf(request);
        const grammar =
          schema === null ? null : await llama.createGrammarForJsonSchema(schema).catch(inexpressible);
        const tokens = chat.chatWrapper
          .generateContextState({ chatHistory: history, ...(functions && { availableFunctions: functions }) })
          .contextText.tokenize(model.tokenizer);
        const room = sequence.contextSize - tokens.length - 1;
        if (room < 1) throw tooLong(tokens.length, sequence.contextSize);
        const known = sequence.compareContextTokens(tokens).firstDifferentIndex;
        const before = sequence.tokenMeter.getState();
        const { response, functionCalls, metadata } = await chat.generateResponse(history, {
          maxTokens: Math.min(request.max_completion_tokens ?? request.max_tokens ?? room, room),
          temperature: request.temperature ?? 0,
          ...(typeof request.top_p === 'number' && { topP: request.top_p }),
          ...(typeof request.seed === 'number' && { seed: request.seed }),
          ...(request.stop && { customStopTriggers: [request.stop].flat() }),
          ...(grammar && { grammar }),
          ...(functions && { functions }),
          signal,
          onTextChunk: said,
        });
        const { usedInputTokens, usedOutputTokens } = sequence.tokenMeter.diff(before);
        const calls = (functionCalls ?? []).map(({ functionName, params }) => ({
          name: functionName,
          args: JSON.stringify(params ?? {}),
        }));
        return {
          text: response,
          calls,
          finish: calls.length > 0 ? 'tool_calls' : metadata.stopReason === 'maxTokens' ? 'length' : 'stop',
          usage: {
            prompt_tokens: tokens.length,
            completion_tokens: usedOutputTokens,
            total_tokens: tokens.length + usedOutputTokens,
            prompt_tokens_details: {
              cached_tokens: Math.max(0, Math.min(known, tokens.length - Math.max(1, usedInputTokens))),
            },
          },
        };
      },
      embed: (texts) => embedAll(embedder, texts, contextSize),
      unload: () => llama.dispose(),
    };
  } catch (error) {
    await llama.dispose();
    throw error instanceof GatehouseError ? error : unloadable(file, error);
  }
}

async function embedAll(
  embedder: Embedder | null,
  texts: readonly string[],
  contextSize: number,
): Promise<{ vectors: (readonly number[])[]; tokens: number }> {
  if (!embedder) throw unusable('input', 'is not embedded here');
  let tokens = 0;
  const vectors: (readonly number[])[] = [];
  for (const text of texts) {
    const length = embedder.calculateInputLength(text);
    if (length > contextSize) throw tooLong(length, contextSize);
    tokens += length;
    vectors.push((await embedder.getEmbeddingFor(text)).vector);
  }
  return { vectors, tokens };
}

async function importLibrary(folder: string): Promise<Library> {
  const entry = join(folder, 'node_modules/node-llama-cpp/dist/index.js');
  try {
    return (await import(pathToFileURL(entry).href)) as Library;
  } catch (error) {
    throw noLibrary(error);
  }
}

const noLibrary = (cause: unknown): GatehouseError =>
  new GatehouseError('GH-INFER-002', 'What serves models does not run on this machine.', {
    status: 500,
    next: 'It has programs for Linux, macOS and Windows on x64 and arm64. Serve the model elsewhere, and name its address in models.yaml.',
    cause,
  });

/** A GGUF file begins with these four letters: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
async function checkFile(file: string): Promise<void> {
  try {
    await using handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    if (bytesRead === 4 && buffer.toString('latin1') === 'GGUF') return;
  } catch (error) {
    throw unloadable(file, error);
  }
  throw unloadable(file);
}

const unloadable = (file: string, cause?: unknown): GatehouseError =>
  new GatehouseError('GH-INFER-001', `${file} is no model that can be served.`, {
    next: 'Name a readable file in the GGUF format, with enough memory free for it; a smaller --context needs less.',
    cause,
  });

const inexpressible = (cause: unknown): never => {
  throw new GatehouseError('GH-INFER-004', 'The schema cannot be made a grammar of.', {
    next: 'Say it with type, properties, items, enum, const, oneOf, anyOf or $ref.',
    field: 'response_format',
    cause,
  });
};

const tooLong = (tokens: number, context: number): GatehouseError =>
  new GatehouseError(
    'GH-INFER-005',
    `This has ${tokens} tokens; it and its answer have room for ${context}.`,
    { next: 'Send less, or serve with a larger --context.' },
  );
