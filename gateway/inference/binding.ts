/**
 * The part of node-llama-cpp that is used here (https://node-llama-cpp.withcat.ai/api/functions/getLlama). It is installed beside
 * the gateway, so its own types are not there when the gateway is checked.
 */
export interface Library {
  getLlama: (options: Record<string, unknown>) => Promise<Llama>;
  LlamaChat: new (options: { contextSequence: Sequence }) => Chat;
}

export interface Llama {
  loadModel(options: Record<string, unknown>): Promise<LoadedModel>;
  /** @throws Error for a schema that it cannot express */
  createGrammarForJsonSchema(schema: unknown): Promise<Grammar>;
  dispose(): Promise<void>;
}

export interface Grammar {
  readonly grammar: string;
}

export interface LoadedModel {
  readonly trainContextSize: number;
  readonly tokenizer: Tokenizer;
  createContext(options: Record<string, unknown>): Promise<{ getSequence(): Sequence }>;
  createEmbeddingContext(options: Record<string, unknown>): Promise<Embedder>;
}

export interface Embedder {
  /** @throws Error for a text that is longer than its context */
  getEmbeddingFor(text: string): Promise<{ vector: readonly number[] }>;
  calculateInputLength(text: string): number;
}

type Token = number;
type Tokenizer = (text: string) => Token[];

export interface Sequence {
  readonly contextSize: number;
  readonly tokenMeter: { getState(): Meter; diff(since: Meter): Meter };
  /** How far what was evaluated before begins as these tokens do. */
  compareContextTokens(tokens: Token[]): { firstDifferentIndex: number };
}

interface Meter {
  usedInputTokens: number;
  usedOutputTokens: number;
}

/** What is said in a conversation; tools are told and called inside the model's own turn. */
export type Item =
  { type: 'system' | 'user'; text: string } | { type: 'model'; response: (string | CalledFunction)[] };

export interface CalledFunction {
  type: 'functionCall';
  name: string;
  params: unknown;
  result: unknown;
}

export type Functions = Record<string, { description?: string; params?: unknown }>;

export interface Chat {
  readonly sequence: Sequence;
  readonly chatWrapper: {
    generateContextState: (options: { chatHistory: Item[]; availableFunctions?: Functions }) => {
      contextText: { tokenize(tokenizer: Tokenizer): Token[] };
    };
  };
  generateResponse(
    history: Item[],
    options: {
      grammar?: Grammar;
      functions?: Functions;
      maxTokens: number;
      temperature: number;
      topP?: number;
      seed?: number;
      customStopTriggers?: string[];
      signal: AbortSignal;
      onTextChunk(text: string): void;
    },
  ): Promise<{
    response: string;
    functionCalls?: { functionName: string; params: unknown }[];
    metadata: { stopReason: string };
  }>;
}
