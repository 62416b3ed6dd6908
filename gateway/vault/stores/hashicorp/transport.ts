import { readFileSync } from 'node:fs';
import nodeVault from 'node-vault';
import { Agent, request as send, type Dispatcher } from 'undici';
import { GatehouseError } from '../../../config/index.ts';
import type { VaultConfig } from '../routes.ts';

/** One request to a Vault's API, below `/v1/`. */
export interface VaultRequest {
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  body?: object;
  token?: string;
}

/** @returns the JSON of the answer @throws VaultFailure for every other one, and for none */
export type VaultTransport = (request: VaultRequest) => Promise<unknown>;

/** Why a Vault did not do what was asked. It holds nothing of the request. */
export class VaultFailure extends Error {
  /** The status of its answer, or why there was none that it could have given. */
  readonly why: number | 'slow' | 'gone' | 'odd';

  constructor(why: VaultFailure['why']) {
    super(typeof why === 'number' ? `status ${why}` : why);
    this.name = 'VaultFailure';
    this.why = why;
  }
}

const mostBytes = 4 * 1_048_576;

/**
 * node-vault, over a client of our own: one that follows no redirect (each hop would be given the token), heeds no proxy and
 * no variable that turns certificates off, and ends every request in time.
 * @throws GatehouseError `GH-VAULT-023` where the certificate authority cannot be read
 */
export function createTransport(config: VaultConfig): VaultTransport {
  const { address, namespace, caFile, timeoutSeconds } = config;
  const timeoutMs = timeoutSeconds * 1000;
  const ca = caFile === undefined ? undefined : certificateOf(caFile);
  const dispatcher = new Agent({
    connect: { timeout: timeoutMs, ...(ca === undefined ? {} : { ca }) },
    maxResponseSize: mostBytes,
    connections: 32,
  });
  const vault = nodeVault({
    endpoint: address,
    'request-promise': { defaults: () => (options: Sent) => exchange(options, dispatcher, timeoutMs) },
    // Its debug output holds what is sent.
    debug: () => undefined,
  });
  // It takes these from VAULT_TOKEN, VAULT_NAMESPACE and VAULT_PREFIX otherwise.
  Object.assign(vault, { token: '', namespace: namespace ?? '', pathPrefix: '' });
  return async ({ method, path, body, token }) => {
    try {
      const headers = token === undefined ? {} : { 'X-Vault-Token': token };
      const answer: unknown = await vault.request({ method, path: `/${path}`, headers, json: body });
      return answer;
    } catch (error) {
      throw failureOf(error);
    }
  };
}

/** What node-vault hands to its HTTP client, and what it takes from it. */
interface Sent {
  method: Dispatcher.HttpMethod;
  uri: string;
  headers: Record<string, string>;
  json?: object;
}
interface Received {
  statusCode: number;
  body: unknown;
  request: { path: string };
}

async function exchange(
  { method, uri, headers, json }: Sent,
  dispatcher: Dispatcher,
  timeoutMs: number,
): Promise<Received> {
  const { statusCode, body } = await send(uri, {
    method,
    headers: json === undefined ? headers : { ...headers, 'content-type': 'application/json' },
    body: json === undefined ? null : JSON.stringify(json),
    dispatcher,
    signal: AbortSignal.timeout(timeoutMs),
  });
  const text = await body.text();
  return { statusCode, body: parsed(text), request: { path: '' } };
}

/** What no Vault says, such as the page of a proxy, must not look like a secret that is not set. */
function parsed(text: string): unknown {
  if (text === '') return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new VaultFailure('odd');
  }
}

function failureOf(error: unknown): VaultFailure {
  if (error instanceof VaultFailure) return error;
  const { response, name, code } = error as {
    response?: { statusCode?: unknown };
    name?: string;
    code?: string;
  };
  const status = response?.statusCode;
  if (typeof status === 'number') return new VaultFailure(status);
  const timedOut = name === 'TimeoutError' || /TIMEOUT|ETIMEDOUT/.test(code ?? '');
  return new VaultFailure(timedOut ? 'slow' : 'gone');
}

function certificateOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new GatehouseError('GH-VAULT-023', `The certificate authority ${file} cannot be read.`, {
      status: 500,
      next: 'Correct caFile in secrets.yaml, or let the user of the gateway read it.',
      cause,
    });
  }
}
