import { parseTool, type Tool } from '../../../../gateway/catalogue/index.ts';
import { createEgress } from '../../../../gateway/egress/index.ts';
import { createRestConnector } from '../../../../gateway/tools/connectors/rest/index.ts';
import type { ConnectorCall } from '../../../../gateway/tools/types.ts';
import { VendorFake, type Answer, type Received } from '../../../fixtures/vendors/server.ts';
import { runOf } from '../../policy/support.ts';

/** A vendor that answers what a test says. */
export class AnyVendor extends VendorFake {
  reply: (request: Received) => Answer = () => ({ status: 200, json: {} });

  protected answer(request: Received): Answer {
    return this.reply(request);
  }
}

/** A tool with one argument; `connector` and `api` replace what a test is about. */
export function toolFor(url: string, change: { tool?: object; connector?: object; api?: object } = {}): Tool {
  return parseTool(
    'a.yaml',
    JSON.stringify({
      name: 'things.do',
      title: 'Things',
      description: 'x',
      risk: 'write',
      args: {
        type: 'object',
        properties: { thing: { type: 'string', maxLength: 99 } },
        required: ['thing'],
        additionalProperties: false,
      },
      kinds: { thing: 'selects' },
      sentence: 'x',
      done: 'x',
      idempotencyKey: 'none',
      timeoutSeconds: 10,
      connector: {
        kind: 'rest',
        api: { title: 'Things', url, privateNetworks: ['127.0.0.0/8'], plainHttp: true, ...change.api },
        method: 'POST',
        path: '/things/{thing}',
        ...change.connector,
      },
      ...change.tool,
    }),
  );
}

/** A tool that only reads. */
export const reading = { tool: { risk: 'read', idempotencyKey: 'attempt' }, connector: { method: 'GET' } };

/** A connector whose clock a test moves; pauses move it too, and take no time. */
export function testConnector(): {
  connector: ReturnType<typeof createRestConnector>;
  pauses: number[];
  renewed: [string, string][];
  advance: (ms: number) => void;
} {
  let now = Date.parse('2026-11-01T10:00:00Z');
  const pauses: number[] = [];
  const renewed: [string, string][] = [];
  const connector = createRestConnector({
    client: createEgress(),
    renew: (name, value) => Promise.resolve(void renewed.push([name, value])),
    now: () => now,
    pause: (ms) => {
      pauses.push(ms);
      now += ms;
      return Promise.resolve();
    },
  });
  return { connector, pauses, renewed, advance: (ms) => void (now += ms) };
}

/** A call of a tool. */
export const callOf = (tool: Tool, secret?: string, attempt = 'att_1'): ConnectorCall => ({
  attempt,
  tool,
  args: { thing: 'one' },
  caller: runOf(),
  signal: AbortSignal.timeout(5000),
  secret,
});
