import type { TextRequest } from '../../../gateway/agent/texts.ts';

/** One small model for all text tasks. */
export const textModels = (url: string): string => `
endpoints:
  here: { url: '${url}', secret: model/key, local: true, highest: personal }
models:
  one: { endpoint: here, class: small, price: { in: '1', out: '2' }, output: 1000 }
tasks: { summarise: [one], extract: [one], classify: [one] }
`;

export const text = (change: Partial<TextRequest> = {}): TextRequest => ({
  ...{ step: 'text:0:0', task: 'summarise', text: 'The invoice 7 of Acme is due.', instructions: null },
  ...{ schema: null, labels: null, modelClass: null },
  ...change,
});
