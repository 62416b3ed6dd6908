import { join } from 'node:path';
import { z } from 'zod';
import { dataClasses } from '../../catalogue/index.ts';
import { GatehouseError, readYamlFile } from '../../config/index.ts';
import { digestOfText } from '../../envelope/index.ts';
import { languages, type Language } from './language.ts';

/** What language models are asked for; each has a list of its own. */
export const tasks = ['classify', 'extract', 'summarise', 'draft', 'plan', 'code'] as const;
export type Task = (typeof tasks)[number];

const name = z.string().regex(/^[a-z][a-z0-9._-]{0,63}$/i);
const dataClass = z.enum(dataClasses);
const count = z.number().int().min(1).max(1_000_000_000);
/** An amount of money in words, so that no cent is lost on its way. */
const money = z.string().regex(/^\d{1,9}(\.\d{1,6})?$/, 'is no amount such as "0.15"');

const EndpointSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('base URL, such as https://llm.example.com/v1'),
  secret: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('path of the key in the secret store; none for no key'),
  api: z.enum(['chat', 'responses']).default('chat').describe('Chat Completions or Responses'),
  local: z.boolean().default(false).describe('it runs here: http and private addresses are open to it'),
  networks: z
    .array(z.string())
    .default(['127.0.0.0/8', '::1/128'])
    .describe('private ranges (CIDR) that a local endpoint may be at'),
  highest: dataClass.default('internal').describe('the highest class of data that may be sent there'),
});

const ModelSchema = z.strictObject({
  endpoint: name,
  model: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('what the endpoint calls it; its name here when left out'),
  class: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/)
    .describe('such as small or large; callers may ask for one'),
  price: z
    .strictObject({ in: money, out: money })
    .default({ in: '0', out: '0' })
    .describe('of a million tokens'),
  context: count.default(32_768).describe('tokens of prompt and answer together'),
  output: count.default(4096).describe('most tokens of one answer'),
  timeoutSeconds: z.number().int().min(1).max(600).default(120),
});

/** A model of a task; alone by its name where it may be asked anything of it. */
const ChoiceSchema = z.union([
  name.transform((model) => ({ model })),
  z.strictObject({
    model: name,
    languages: z
      .array(z.enum(languages))
      .min(1)
      .optional()
      .describe('only for a conversation that begins in one of these'),
    upTo: count.optional().describe('only for a prompt of at most so many tokens'),
  }),
]);

/** How much the agent may use. */
export const Allowance = z.strictObject({
  steps: count.optional().describe('questions to a model'),
  tokens: count.optional().describe('of prompts and answers'),
  spend: money.optional(),
  seconds: count.optional().describe('of models’ work; waiting for people does not count'),
  calls: count.optional().describe('of tools'),
});
export type Allowance = z.output<typeof Allowance>;

/** How a long conversation is kept short. */
const HistorySchema = z
  .strictObject({
    upTo: count
      .default(12_000)
      .describe('tokens of a conversation that are resent; a summary stands in for the older ones of more'),
    keep: count.default(3000).describe('its newest tokens, which stay as they are'),
  })
  .refine(({ upTo, keep }) => keep * 2 <= upTo, { path: ['keep'], error: 'is more than half of upTo' });

const BudgetSchema = Allowance.extend({
  per: z.enum(['run', 'person', 'session', 'day', 'person-day', 'session-day']),
});

const ModelsFileSchema = z
  .strictObject({
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/)
      .default('EUR'),
    messages: dataClass.default('internal').describe('the class that what people write is taken for'),
    never: z
      .array(z.string().min(8).max(500))
      .max(100)
      .default([])
      .describe('texts that never leave in a prompt, such as canaries; keys by their form never do'),
    endpoints: z.record(name, EndpointSchema),
    models: z.record(name, ModelSchema),
    tasks: z
      .partialRecord(z.enum(tasks), z.array(ChoiceSchema).min(1))
      .describe('the models of each task, the first choice first'),
    history: HistorySchema.prefault({}),
    budgets: z.array(BudgetSchema).max(100).default([]),
  })
  .superRefine((file, context) => {
    const fault = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: 'custom', path, message });
    for (const [key, model] of Object.entries(file.models)) {
      if (!Object.hasOwn(file.endpoints, model.endpoint))
        fault(['models', key, 'endpoint'], `there is no endpoint ${model.endpoint}`);
      if (model.output >= model.context) fault(['models', key, 'output'], 'leaves no room for a prompt');
    }
    for (const [task, list] of Object.entries(file.tasks))
      for (const [index, { model }] of list.entries())
        if (!Object.hasOwn(file.models, model)) fault(['tasks', task, index], `there is no model ${model}`);
    for (const [key, { url, local }] of Object.entries(file.endpoints))
      if (!local && url.startsWith('http:'))
        fault(['endpoints', key, 'url'], 'only a local endpoint may use http');
  });

/** What `models.yaml` declares. */
export type ModelsFile = z.output<typeof ModelsFileSchema>;
export type Endpoint = ModelsFile['endpoints'][string];

/** A model with where it is, and what it may be asked of a task. */
export type Model = ModelsFile['models'][string] & { name: string; at: Endpoint; when?: When };

/** What a question has to be like that a model is asked. */
export interface When {
  languages?: readonly Language[] | undefined;
  upTo?: number | undefined;
}

/** The models in use. */
export interface Models {
  /** Digest of models.yaml; null where there is none. */
  readonly version: string | null;
  /** What it declares; null where there is no such file, and so no model. */
  file(): ModelsFile | null;
  /** The models of a task, the first choice first. */
  of(task: Task): Model[];
  reload(): Promise<void>;
}

/**
 * Reads `models.yaml`, which may be missing.
 * @throws GatehouseError `GH-AGENT-001` that names file, line and fault
 */
export async function createModels({ policiesDir }: { policiesDir: string }): Promise<Models> {
  const load = async (): Promise<ModelsFile | null> => {
    const file = await readYamlFile(join(policiesDir, 'models.yaml'), ModelsFileSchema, { namesKeys: true });
    if (file === null) return null;
    if (file.faults === null) return file.value;
    throw new GatehouseError('GH-AGENT-001', `The models are not usable:\n  ${file.faults.join('\n  ')}`, {
      status: 500,
      next: 'Correct the lines named above.',
      cause: file.cause,
    });
  };
  let current = await load();
  return {
    get version() {
      return current && digestOfText(JSON.stringify(current));
    },
    file: () => current,
    of: (task) =>
      current
        ? (current.tasks[task] ?? []).map(({ model, ...when }) => ({
            ...modelOf(current as ModelsFile, model),
            when,
          }))
        : [],
    async reload() {
      current = await load();
    },
  };
}

/** The schema names an endpoint that is there. */
function modelOf(file: ModelsFile, key: string): Model {
  const model = file.models[key] as ModelsFile['models'][string];
  return { ...model, name: key, at: file.endpoints[model.endpoint] as Endpoint };
}
