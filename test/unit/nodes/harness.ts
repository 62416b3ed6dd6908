import { mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  IDataObject,
  INodeExecutionData,
  INodeType,
  IRun,
  IRunExecutionData,
  IWebhookResponseData,
  WorkflowExecuteMode,
} from 'n8n-workflow';
import { load } from './build.ts';
import { SIGNING_SECRET, TOKEN } from './fake-gateway.ts';

process.env.N8N_USER_FOLDER = mkdtempSync(join(tmpdir(), 'gatehouse-n8n-'));
process.env.N8N_ENCRYPTION_KEY = 'a key for tests only';
const require = createRequire(import.meta.url);
// n8n's own copy, which its decorators need before anything else of it is loaded.
createRequire(require.resolve('n8n-core'))('reflect-metadata');
const core = require('n8n-core') as typeof import('n8n-core');
const { Workflow, createRunExecutionData } = require('n8n-workflow') as typeof import('n8n-workflow');

const WAITING = 'http://127.0.0.1:5678/webhook-waiting';
const NODE_ID = '11111111-2222-4333-8444-555555555555';
export const EXECUTION_ID = '42';

export interface Setup {
  folder: string;
  gatewayUrl: string;
  /** The client token of the credential; the fake gateway's where there is none. */
  token?: string;
  /** For example `PolicyCheck`. */
  node: string;
  parameters?: IDataObject;
  /** Ending of the type's name under which n8n runs it: `Tool` or `HitlTool` for its variants. */
  variant?: '' | 'Tool' | 'HitlTool';
  mode?: WorkflowExecuteMode;
  settings?: IDataObject;
  credentials?: boolean;
  /** What an agent's review stands above. */
  below?: Below[];
}

/** A tool node below a review. */
export interface Below {
  type: string;
  parameters?: IDataObject;
  disabled?: boolean;
  /** What n8n gets from a node that is not ours: one tool, or a kit of several. */
  supplies?: object;
}

/** The run that a named node upstream holds. */
export const RUN = 'run_of_the_message';
/** How a tool of an agent takes it. */
export const RUN_BY_NAME = "={{ $('Start').first().json.run.token }}";

/** What a request to a waiting node came to. */
export interface WebhookAnswer {
  data: IWebhookResponseData;
  status: number;
  headers: Record<string, string>;
  body: unknown;
}

/** One node of ours between a start and two ends, run by n8n's own engine. */
export class Bench {
  readonly #setup: Setup;
  readonly #type: INodeType;

  constructor(setup: Setup) {
    this.#setup = setup;
    this.#type = load<INodeType>(setup.folder, `nodes/${setup.node}/${setup.node}.node.js`);
    const name = this.#type.description.name + (setup.variant ?? '');
    this.#type.description = { ...this.#type.description, name };
    // As n8n makes the review of a node.
    if (setup.variant === 'HitlTool') this.#type.description.inputs = [{ type: 'ai_tool', required: true }];
  }

  /** Runs the node over the items, until it ends or waits. */
  async run(items: INodeExecutionData[]): Promise<IRun> {
    const workflow = this.#workflow();
    const start = workflow.getNode('Gate');
    const started = { main: [[{ json: { run: { token: RUN } } }]] };
    const data = createRunExecutionData({
      resultData: {
        runData: {
          Start: [{ startTime: 0, executionTime: 0, executionIndex: 0, source: [], data: started }],
        },
      },
      executionData: {
        nodeExecutionStack: [
          { node: start!, data: { main: [items] }, source: { main: [{ previousNode: 'Start' }] } },
        ],
      },
    });
    return this.#process(workflow, data);
  }

  /** What the editor asks a node for: the tools of its drop-down, or the arguments of the one that is chosen. */
  async editor<T>(kind: 'loadOptions' | 'resourceMapping', method: string): Promise<T> {
    const workflow = this.#workflow();
    const additional = { ...this.#additional(), currentNodeParameters: this.#setup.parameters ?? {} };
    const context = new core.LoadOptionsContext(workflow, workflow.getNode('Gate')!, additional as never, '');
    const methods = this.#type.methods?.[kind] as Record<string, (this: unknown) => Promise<unknown>>;
    return (await methods[method]!.call(context)) as T;
  }

  /** What n8n does when a wait's time is over: the node counts as disabled and its stored input is passed on. */
  async timeOut(run: IRun): Promise<IRun> {
    const workflow = this.#workflow();
    return this.#process(workflow, copy(run.data));
  }

  /** What n8n does with the answer of a webhook that resumes. */
  async resume(run: IRun, answer: IWebhookResponseData): Promise<IRun> {
    const data = copy(run.data);
    data.waitTill = undefined;
    const [entry] = data.executionData!.nodeExecutionStack;
    entry!.node.disabled = true;
    entry!.data.main = answer.workflowData ?? [];
    entry!.metadata = { ...entry!.metadata, forwardAllOutputs: true };
    data.resultData.runData.Gate?.pop();
    return this.#process(this.#workflow(), data);
  }

  /** Sends a request to the waiting node's webhook(). */
  async webhook(
    run: IRun,
    request: {
      method: string;
      headers?: Record<string, string>;
      rawBody?: Buffer;
      body?: IDataObject;
      query?: IDataObject;
    },
  ): Promise<WebhookAnswer> {
    const answer: WebhookAnswer = { data: {}, status: 200, headers: {}, body: undefined };
    const response = {
      headersSent: false,
      status: (status: number) => ((answer.status = status), response),
      set: (headers: Record<string, string>) => (Object.assign(answer.headers, headers), response),
      json: (body: unknown) => ((answer.body = body), (response.headersSent = true), response),
      send: (body: unknown) => ((answer.body = body), (response.headersSent = true), response),
    };
    const workflow = this.#workflow();
    const httpRequest = { headers: {}, query: {}, body: {}, ...request };
    const context = new core.WebhookContext(
      workflow,
      workflow.getNode('Gate')!,
      { ...this.#additional(), httpRequest, httpResponse: response } as never,
      'webhook',
      {} as never,
      [],
      copy(run.data),
    );
    answer.data = await this.#type.webhook!.call(context);
    return answer;
  }

  #workflow(): InstanceType<typeof Workflow> {
    const { parameters = {}, settings = {}, credentials = true, below = [] } = this.#setup;
    const common = { typeVersion: 1, position: [0, 0] as [number, number], parameters: {} };
    const type = `n8n-nodes-gatehouse.${this.#type.description.name}`;
    const nodes = [
      { ...common, id: 's', name: 'Start', type: 'start' },
      {
        ...common,
        id: NODE_ID,
        name: 'Gate',
        type,
        parameters: parameters as never,
        ...(credentials ? { credentials: { gatehouseApi: { id: '1', name: 'Gatehouse API' } } } : {}),
        ...(settings as object),
      },
      ...below.map(({ type: of, parameters: given = {}, disabled = false }, index) => ({
        ...common,
        id: `below${index}`,
        name: `Tool ${index}`,
        type: of,
        disabled,
        parameters: given as never,
      })),
    ];
    const noop: INodeType = {
      description: {
        ...this.#type.description,
        name: 'start',
        properties: [],
        credentials: [],
        webhooks: [],
      },
      execute() {
        return Promise.resolve([this.getInputData()]);
      },
    };
    const byName = (name: string): INodeType => {
      if (name === 'start') return noop;
      const tool = below.find(({ type: of }) => of === name);
      return tool ? this.#toolType(tool) : this.#type;
    };
    const nodeTypes = { getByName: byName, getByNameAndVersion: byName, getKnownTypes: () => ({}) };
    const toGate = (kind: 'main' | 'ai_tool') => ({ [kind]: [[{ node: 'Gate', type: kind, index: 0 }]] });
    const connections = {
      Start: toGate('main'),
      ...Object.fromEntries(below.map((_tool, index) => [`Tool ${index}`, toGate('ai_tool')])),
    };
    return new Workflow({
      id: 'workflow1',
      nodes,
      connections,
      active: false,
      nodeTypes,
      settings: { executionOrder: 'v1' },
    });
  }

  /** A tool node as n8n sees it: ours is a node made to a tool, any other supplies its tool itself. */
  #toolType({ type, supplies }: Below): INodeType {
    const ours = /^n8n-nodes-gatehouse\.(\w)(\w+)Tool$/.exec(type);
    const node = ours ? `${ours[1]!.toUpperCase()}${ours[2]!}` : this.#setup.node;
    const base = load<INodeType>(this.#setup.folder, `nodes/${node}/${node}.node.js`);
    const name = type.slice(type.lastIndexOf('.') + 1);
    const properties = ours ? base.description.properties : [];
    base.description = {
      ...base.description,
      name,
      properties,
      credentials: [],
      inputs: [],
      outputs: ['ai_tool'],
    };
    if (!ours) base.supplyData = () => Promise.resolve({ response: supplies });
    return base;
  }

  #process(workflow: InstanceType<typeof Workflow>, data: IRunExecutionData): Promise<IRun> {
    const mode = this.#setup.mode ?? 'webhook';
    const execute = new core.WorkflowExecute(this.#additional() as never, mode, data);
    return execute.processRunExecutionData(workflow);
  }

  #additional(): object {
    const { folder, gatewayUrl, token = TOKEN } = this.#setup;
    const credential = load<{ authenticate: (...given: unknown[]) => Promise<unknown> }>(
      folder,
      'credentials/GatehouseApi.credentials.js',
    );
    const secret = { baseUrl: gatewayUrl, token, signingSecret: SIGNING_SECRET };
    return {
      executionId: EXECUTION_ID,
      hooks: new core.ExecutionLifecycleHooks('webhook', EXECUTION_ID, {} as never),
      setExecutionStatus() {},
      sendDataToUI() {},
      currentNodeExecutionIndex: 0,
      variables: {},
      webhookWaitingBaseUrl: WAITING,
      formWaitingBaseUrl: 'http://127.0.0.1:5678/form-waiting',
      credentialsHelper: {
        getDecrypted: () => Promise.resolve(secret),
        authenticate: (_given: unknown, _type: string, options: unknown) =>
          credential.authenticate(secret, options),
        preAuthentication: () => Promise.resolve(undefined),
        getParentTypes: () => [],
        isCredentialUsableByNode: () => true,
        getCredentialsProperties: () => [],
        runPreAuthentication: () => Promise.resolve(undefined),
      },
    };
  }
}

/** The items that left the gate by each output, without what links them. */
export function outputs(run: IRun): IDataObject[][] {
  const data = run.data.resultData.runData.Gate?.at(-1)?.data?.main ?? [];
  return data.map((items) => (items ?? []).map((item) => item.json));
}

function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
