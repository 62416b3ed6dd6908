/** A call that a model wants to make. */
export interface WantedCall {
  /** Ours, the same at each replay. */
  id: string;
  /** As the model was offered it. */
  name: string;
  /** JSON, as the model wrote it. */
  args: string;
}

/** One turn of a conversation with a model, however its API spells it. */
export type Turn =
  | { role: 'system' | 'user'; text: string }
  | { role: 'assistant'; text: string; calls: WantedCall[] }
  | { role: 'tool'; call: string; text: string };

/** A tool as a model is offered it. */
export interface OfferedTool {
  name: string;
  description: string;
  parameters: Record<string, unknown>;
}

/** One question to a model. */
export interface Question {
  turns: readonly Turn[];
  tools: readonly OfferedTool[];
  /** JSON Schema that the answer has to fit. */
  schema: Record<string, unknown> | null;
}

/** What a model answered. */
export interface Answer {
  text: string;
  /** Without ids of ours. */
  calls: Omit<WantedCall, 'id'>[];
  /** `length`: it was cut off at its limit. */
  finish: 'stop' | 'calls' | 'length' | 'refused';
  tokensIn: number;
  tokensOut: number;
}
