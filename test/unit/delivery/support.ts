import { createSecretKey } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PgBoss } from 'pg-boss';
import { Webhook } from 'standardwebhooks';
import type { ChannelAdapter, InboundMessage, Outgoing } from '../../../gateway/channels/index.ts';
import { createLogger, GatehouseError } from '../../../gateway/config/index.ts';
import { Signals } from '../../../gateway/db/index.ts';
import { createDelivery, type Delivery, type DeliveryDeps } from '../../../gateway/delivery/index.ts';
import { EnvelopeSchema, type Envelope } from '../../../gateway/envelope/index.ts';
import type { Allowance, Person } from '../../../gateway/sessions/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

export const signingSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

export interface Dispatch {
  envelope: Envelope;
  run: { token: string; expiresAt: string };
}

/**
 * n8n's webhook. It promises what the Envelope Normaliser promises: a body that is not signed by the gateway, or holds
 * no valid envelope, is refused with 401 and counted; everything else is answered 200 at once and handed to `onRun`.
 */
export class FakeN8n {
  readonly dispatches: Dispatch[] = [];
  refused = 0;
  status = 200;
  onRun: ((dispatch: Dispatch) => void | Promise<void>) | undefined;
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #port = 0;

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method === 'GET') return void response.writeHead(200).end('{"status":"ok"}');
    if (request.url !== '/webhook/gatehouse-chat') return void response.writeHead(404).end();
    if (this.status !== 200) return void response.writeHead(this.status).end();
    let dispatch: Dispatch;
    try {
      const body = Buffer.concat(chunks);
      new Webhook(signingSecret).verify(body, request.headers as Record<string, string>);
      dispatch = JSON.parse(body.toString()) as Dispatch;
      EnvelopeSchema.parse(dispatch.envelope);
    } catch {
      this.refused += 1;
      return void response.writeHead(401).end();
    }
    this.dispatches.push(dispatch);
    response.writeHead(200).end('{"message":"Workflow was started"}');
    await this.onRun?.(dispatch);
  }
}

/** A channel that keeps what it is told, and fails where a test says so. */
export class FakeChannel implements ChannelAdapter {
  readonly kind = 'slack' as const;
  readonly sent: { route: Record<string, string | null>; message: Outgoing; previous: string | null }[] = [];
  failing: ((message: Outgoing) => Error | undefined) | undefined;
  account = (): string => 'T1';
  /** Files by the `url` of their source; a function answers itself. Without one they are away for now. */
  readonly files = new Map<string, () => ReturnType<NonNullable<ChannelAdapter['fetchFile']>>>();
  readonly fetched: string[] = [];
  fetchFile: NonNullable<ChannelAdapter['fetchFile']> = async ({ url = '' }) => {
    this.fetched.push(url);
    const answer = this.files.get(url);
    if (!answer) throw new GatehouseError('GH-CHANNEL-005', `Away: ${url}`, { status: 503, retryAfter: 1 });
    return answer();
  };
  receive = (): never => {
    throw new Error('not used');
  };
  start = async (): Promise<void> => undefined;
  stop = async (): Promise<void> => undefined;
  conversationRoute = (id: string): Record<string, string | null> | null => ({ channel: `C-${id}` });
  directRoute = (id: string): Record<string, string | null> => ({ channel: `D-${id}` });
  send = async (
    route: Record<string, string | null>,
    message: Outgoing,
    previous: string | null,
  ): Promise<{ nativeId: string }> => {
    const error = this.failing?.(message);
    if (error) throw error;
    this.sent.push({ route, message, previous });
    return { nativeId: previous ?? `n${this.sent.length}` };
  };
}

export const ann: Person = {
  principal: 'ann',
  display: 'Ann',
  roles: ['requester'],
  groups: ['sales'],
  identities: [{ channel: 'slack', account: 'T1', id: 'U1' }],
};

let counter = 0;

/** A message from Ann on Slack. */
export function message(change: {
  text?: string;
  sender?: string;
  nativeId?: string;
  event?: InboundMessage['event'];
  revision?: number;
  conversation?: string;
  visibility?: InboundMessage['channel']['visibility'];
  action?: { id: string; value: string };
  isBot?: boolean;
}): InboundMessage {
  counter += 1;
  const text = change.text ?? 'hello';
  const nativeId = change.nativeId ?? `m${counter}`;
  return {
    event: change.event ?? 'created',
    channel: {
      kind: 'slack',
      account: 'T1',
      conversation: change.conversation ?? 'C1',
      thread: null,
      visibility: change.visibility ?? 'dm',
    },
    message: { nativeId, replyTo: null, revision: change.revision ?? 0 },
    sender: { nativeId: change.sender ?? 'U1', display: 'Ann', isBot: change.isBot ?? false },
    ingress: 'signature',
    content: { text, mentions: [], command: null, action: change.action ?? null, reaction: null },
    attachments: [],
    time: '2026-11-01T10:00:00Z',
    route: { channel: change.conversation ?? 'C1', thread: null },
    raw: JSON.stringify({ text, nativeId }),
  };
}

/** Delivery on real Postgres with a fake n8n, a fake channel and one known person. */
export class Stage {
  readonly n8n = new FakeN8n();
  readonly channel = new FakeChannel();
  readonly offers: string[] = [];
  allow: (sender: string) => Allowance = () => ({ verdict: 'go' });
  database!: TestDatabase;
  delivery!: Delivery;
  readonly settings = {
    publicUrl: 'https://gate.example.com',
    n8nUrl: '',
    n8nWebhookPath: 'gatehouse-chat',
    n8nInflight: 10,
    runLeaseSeconds: 30,
    runMaxDispatches: 3,
    runCallBudget: 5,
    approvalSeconds: 600,
    rawRetentionHours: 72,
    textRetentionHours: 720,
  };
  #boss!: PgBoss;
  #signals!: Signals;

  async open(settings: Partial<Stage['settings']> = {}): Promise<void> {
    await this.n8n.listen();
    this.database = await testDatabase();
    Object.assign(this.settings, { n8nUrl: this.n8n.url }, settings);
    await this.startGateway();
  }

  /** A gateway process: its own queue client, signals and delivery on the same database. */
  async startGateway(): Promise<void> {
    this.#boss = new PgBoss({
      connectionString: this.database.url,
      schedule: false,
      supervise: false,
      max: 3,
    });
    this.#boss.on('error', () => undefined);
    await this.#boss.start();
    this.#signals = new Signals(this.database.url);
    this.delivery = createDelivery(this.#deps());
    await this.#signals.start();
    await this.delivery.start();
  }

  async stopGateway(): Promise<void> {
    await this.delivery.stop();
    await this.#signals.stop();
    await this.#boss.stop({ graceful: false });
  }

  async close(): Promise<void> {
    await this.stopGateway();
    await this.n8n.close();
    await this.database.drop();
  }

  /** Answers a dispatch as a workflow would: authenticate, then one final reply. */
  async answer(dispatch: Dispatch, text = `re: ${dispatch.envelope.data.content.text}`): Promise<void> {
    const run = await this.delivery.authenticateRun(dispatch.run.token);
    const { runId, messageId, channel } = run;
    await this.within((tx) =>
      this.delivery.answer(tx, {
        runId,
        messageId,
        channel: channel.kind,
        id: `r:${messageId}`,
        body: { text },
      }),
    );
  }

  async within<T>(work: (tx: Parameters<Delivery['runDone']>[0]) => T | Promise<T>): Promise<T> {
    const { transaction } = await import('../../../gateway/db/index.ts');
    return transaction(this.database.pool, work);
  }

  async stateOf(id: string): Promise<string | undefined> {
    const { rows } = await this.database.pool.query<{ state: string }>(
      'select state from messages where id = $1',
      [id],
    );
    return rows[0]?.state;
  }

  texts(): string[] {
    return this.channel.sent.map((sent) => sent.message.text);
  }

  #deps(): DeliveryDeps {
    return {
      pool: this.database.pool,
      signals: this.#signals,
      boss: this.#boss,
      settings: this.settings,
      adapters: new Map([['slack', this.channel]]),
      callOf: ({ name }) => (name === 'known' ? { tool: 'some.tool', args: {} } : null),
      people: {
        version: 'v1',
        get: (principal) => (principal === 'ann' ? ann : undefined),
        byGroups: () => [],
        resolve: async (_channel, _account, id) =>
          id.startsWith('X') ? { person: null, standing: 'unknown' } : { person: ann, standing: 'member' },
        list: () => [ann],
        identitiesOf: async (principal) =>
          principal === 'ann' ? ann.identities.map((identity) => ({ ...identity, mayVote: true })) : [],
        identitiesOfAll: async (principals) =>
          new Map(
            principals
              .filter((principal) => principal === 'ann')
              .map((principal) => [principal, ann.identities.map((one) => ({ ...one, mayVote: true }))]),
          ),
        holder: async () => null,
        standIns: () => [],
        read: () => Promise.reject(new Error('not used')),
        use: () => Promise.reject(new Error('not used')),
        reload: async () => undefined,
      },
      automations: {
        get: (name, workflow) =>
          workflow === 'declared'
            ? { principal: `automation:${name}`, display: name, owner: 'ann' }
            : undefined,
      },
      factors: { takeNews: async () => [] },
      pairing: {
        offer: async ({ nativeId }) => {
          this.offers.push(nativeId);
          return { code: 'PAIR2345', expiresAt: new Date() };
        },
        confirm: () => Promise.reject(new Error('not used')),
        answer: () => Promise.reject(new Error('not used')),
        question: async () => null,
        takeUnasked: async () => [],
        takeUntold: async () => [],
        list: async () => [],
      },
      limits: {
        version: 'v1',
        consume: async ({ sender }) => this.allow(sender),
        consumeAll: () => Promise.reject(new Error('not used')),
        reload: async () => undefined,
      },
      signingSecret,
      sessionSecret: createSecretKey(Buffer.alloc(32, 1)),
      clock: () => new Date(),
      log: createLogger(process.env.GATEHOUSE_TEST_LOG ?? 'silent'),
    };
  }
}

/** Waits until `check` holds. @throws after 8 s, naming what never came */
export async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 8000;
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
