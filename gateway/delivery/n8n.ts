import { Webhook } from 'standardwebhooks';
import { Pool as HttpPool } from 'undici';
import { newToken, uuidv7, type Envelope } from '../envelope/index.ts';
import { triggerEnvelope } from './envelope.ts';
import type { DeliveryDeps, DeliveryHealth, RunGrant } from './types.ts';

/**
 * What n8n said of a dispatch. Only `unavailable` is certain not to have started the workflow for want of an n8n;
 * after `unclear` it may run.
 */
export type Posted =
  | { kind: 'started' }
  | { kind: 'unavailable'; detail: string }
  | { kind: 'refused'; detail: string }
  | { kind: 'unclear'; detail: string };

const notReached = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);
// 404: n8n is starting, or the workflow is not published. The rest is a proxy's or n8n's own "not now".
const notNow = new Set([404, 429, 502, 503, 504]);

/** Milliseconds after which an unanswered dispatch is unclear. */
export const dispatchTimeoutMs = 10_000;

/**
 * The Standard Webhooks headers of a body for n8n.
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 * @param secret `whsec_<base64>`
 * @param id unique a delivery, without a dot
 */
function signedHeaders(secret: string, id: string, body: string, now: Date): Record<string, string> {
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, now, body),
  };
}

/** The connection to n8n's webhook: kept alive, signed, with a ping of its own. */
export class N8n {
  readonly #http: HttpPool;
  readonly #base: string;
  readonly #path: string;
  readonly #deps: Pick<DeliveryDeps, 'signingSecret' | 'clock' | 'callOf'>;
  readonly #pings = new Map<string, () => void>();
  #seenAlive = 0;
  #probe: { at: number; answer: Promise<DeliveryHealth['n8n']> } | undefined;

  constructor(deps: Pick<DeliveryDeps, 'settings' | 'signingSecret' | 'clock' | 'callOf'>) {
    const url = new URL(deps.settings.n8nUrl);
    this.#base = url.pathname.replace(/\/$/, '');
    this.#path = `${this.#base}/webhook/${deps.settings.n8nWebhookPath}`;
    this.#deps = deps;
    this.#http = new HttpPool(url.origin, {
      connections: deps.settings.n8nInflight + 2,
      keepAliveTimeout: 30_000,
      connectTimeout: 3000,
      headersTimeout: dispatchTimeoutMs,
      bodyTimeout: dispatchTimeoutMs,
    });
  }

  /** Posts one envelope with its run, and with the call of its command where it stands for one. Never throws. */
  async post(envelope: Envelope, run: RunGrant, id: string): Promise<Posted> {
    const { command } = envelope.data.content;
    const call = command && this.#deps.callOf(command);
    const body = JSON.stringify({ envelope, run, ...(call && { call }) });
    try {
      const response = await this.#http.request({
        method: 'POST',
        path: this.#path,
        headers: signedHeaders(this.#deps.signingSecret, id, body, this.#deps.clock()),
        body,
      });
      await response.body.dump();
      const detail = `n8n answered ${response.statusCode}`;
      if (notNow.has(response.statusCode)) return { kind: 'unavailable', detail };
      this.#seenAlive = Date.now();
      return response.statusCode < 300 ? { kind: 'started' } : { kind: 'refused', detail };
    } catch (error) {
      const code = (error as { code?: string }).code ?? 'error';
      const detail = `n8n could not be reached (${code})`;
      return { kind: notReached.has(code) ? 'unavailable' : 'unclear', detail };
    }
  }

  /** Sends a ping through the workflow and waits for its answer at {@link pong}. */
  async ping(timeoutMs: number): Promise<boolean> {
    const id = uuidv7();
    const now = this.#deps.clock();
    const item = {
      trigger: { kind: 'ping' },
      executionId: id,
      workflowId: 'gatehouse',
      nodeId: 'ping',
      itemIndex: 0,
    };
    const envelope = triggerEnvelope(item, null, id, 'gatehouse-ping-session', now);
    envelope.data.event = 'ping';
    envelope.type = 'dev.gatehouse.message.ping.v1';
    let timer: NodeJS.Timeout | undefined;
    const answered = new Promise<boolean>((resolve) => {
      this.#pings.set(id, () => resolve(true));
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    try {
      // The token is never stored, so it opens nothing; the shape is that of every dispatch.
      const run = { token: newToken('run'), expiresAt: now.toISOString() };
      const posted = await this.post(envelope, run, id);
      return posted.kind === 'started' && (await answered);
    } finally {
      clearTimeout(timer);
      this.#pings.delete(id);
    }
  }

  pong(id: string): void {
    this.#pings.get(id)?.();
  }

  /** Whether n8n answers, from the last dispatch or a look at its health page at most every 3 s. */
  health(): Promise<DeliveryHealth['n8n']> {
    const now = Date.now();
    if (now - this.#seenAlive < 10_000) return Promise.resolve({ ok: true, detail: 'reachable' });
    if (!this.#probe || now - this.#probe.at > 3000) this.#probe = { at: now, answer: this.#look() };
    return this.#probe.answer;
  }

  /** Forgets that n8n was alive, after a dispatch that it did not take. */
  doubt(): void {
    this.#seenAlive = 0;
  }

  async close(): Promise<void> {
    await this.#http.destroy();
  }

  async #look(): Promise<DeliveryHealth['n8n']> {
    try {
      const response = await this.#http.request({
        method: 'GET',
        path: `${this.#base}/healthz`,
        headersTimeout: 2000,
        bodyTimeout: 2000,
      });
      await response.body.dump();
      return { ok: response.statusCode === 200, detail: `health page answered ${response.statusCode}` };
    } catch (error) {
      return { ok: false, detail: `unreachable (${(error as { code?: string }).code ?? 'error'})` };
    }
  }
}
