import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

interface Dispatch {
  envelope: { data: { event: string; content: { text: string } } };
  run: { token: string };
}

/** The workflow of the bench, in place of n8n: it asks the gateway what a message says, over the real API. */
export interface Workflow {
  url: string;
  /** Set once the gateway listens. */
  api: { url: string; client: string };
  /** Which outcomes each request was resumed with. */
  outcomes: Map<string, Set<string>>;
  /** Requests that were registered. */
  asked: string[];
  /** What went wrong; nothing should. */
  failures: string[];
  stop(): Promise<void>;
}

/** Starts it. `/ask N` asks for three calls, of three classes; `/cancel ID` takes a request back. */
export async function startWorkflow(): Promise<Workflow> {
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      response.setHeader('content-type', 'application/json');
      if (request.url?.startsWith('/webhook-waiting/')) {
        resumed(workflow, body.toString());
        response.end('{"gatehouse":"resumed"}');
        return;
      }
      response.end('{}');
      const dispatch = dispatchIn(request, body.toString());
      if (dispatch)
        run(workflow, dispatch).catch((error: unknown) => void workflow.failures.push(String(error)));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const workflow: Workflow = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    api: { url: '', client: '' },
    outcomes: new Map(),
    asked: [],
    failures: [],
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return workflow;
}

function dispatchIn(request: IncomingMessage, body: string): Dispatch | null {
  if (request.method !== 'POST' || body === '') return null;
  const parsed = JSON.parse(body) as Partial<Dispatch>;
  return parsed.run && parsed.envelope?.data.event !== 'ping' ? (parsed as Dispatch) : null;
}

function resumed(workflow: Workflow, body: string): void {
  const { items } = JSON.parse(body) as { items: { id: string; state: string }[] };
  for (const { id, state } of items) {
    const states = workflow.outcomes.get(id) ?? new Set();
    workflow.outcomes.set(id, states.add(state));
  }
}

let executions = 0;

async function run(workflow: Workflow, { envelope, run: { token } }: Dispatch): Promise<void> {
  const { text } = envelope.data.content;
  const cancel = /^\/cancel (\S+)$/.exec(text)?.[1];
  if (cancel !== undefined) {
    const call = { run: token, tool: 'gatehouse.cancel', args: { request: cancel }, step: 'cancel:0:0' };
    const { grant } = await ask<{ grant: string }>(workflow, '/v1/decisions', call);
    await ask(workflow, '/v1/executions', { ...call, grant, reply: true });
    return;
  }
  const number = text.replace(/\D/g, '');
  const calls = {
    'ledger.transfer': { amount: '1250.00', currency: 'EUR', payee: 'ACME', reference: `invoice-${number}` },
    'newsletter.send': { subject: `Letter ${number}`, body: 'We open at ten.' },
    'code.run': { language: 'python', code: `print(${number})` },
  };
  const executionId = String((executions += 1));
  const items = [];
  for (const [tool, args] of Object.entries(calls)) {
    const decision = await ask<{ id: string; effect: string }>(workflow, '/v1/decisions', {
      run: token,
      tool,
      args,
      step: `${tool}:0:0`,
    });
    if (decision.effect !== 'approve') throw new Error(`${tool} was decided as ${decision.effect}`);
    const resumePath = `/webhook-waiting/${executionId}/gate?approval=${decision.id}&signature=feed`;
    items.push({ decision: decision.id, resumePath });
  }
  await ask(workflow, '/v1/approvals', { run: token, executionId, nodeId: 'gate', items });
  workflow.asked.push(...items.map((item) => item.decision));
}

async function ask<Answer>({ api }: Workflow, path: string, body: object): Promise<Answer> {
  const answer = await fetch(`${api.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.client}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as Answer;
}
