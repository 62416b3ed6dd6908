import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { ownHeaders } from '../../catalogue/index.ts';
import { scrubber, type Allowed, type EgressClient, type Opened } from '../../egress/index.ts';
import type { EgressRule, EgressUse } from './contract.ts';
import { isCredential } from './credentials.ts';
import { denial, EgressDenied, ruleOf } from './denied.ts';
import { holdsPlaceholder, type Lent, type Placeholders } from './placeholders.ts';
import { refuse, type Uses } from './uses.ts';

const allMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const mostBody = 4_194_304;
/** An answer that may echo a secret is looked through as a whole. */
const mostSearched = 8_388_608;
/** What all requests of one run hold at once. */
const mostHeld = 16_777_216;

const credentialQuery =
  /^((access|auth|id|refresh)_?token|token|jwt|api[_-]?key|client_secret|secret|password|sig|signature|x-(amz|goog)-.*)$/i;
/** A call through the gateway is given its key; code that makes its own requests makes its own. */
const closed = (name: string): boolean => name !== 'idempotency-key' && ownHeaders.test(name);
/** They are the connection's, or lead the client to QUIC. */
const hopHeaders = /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|alt-svc)$/;

/** Answers the requests of intercepted connections, each by the rule of its host. */
export function createInterceptor(options: {
  client: EgressClient;
  secrets: Placeholders;
  uses: Uses;
  signal: AbortSignal;
}): { serve(socket: TLSSocket, rule: EgressRule): void } {
  const { client, secrets, uses, signal } = options;

  let held = 0;

  const forward = async (
    request: IncomingMessage,
    rule: EgressRule,
    use: EgressUse,
    hold: (bytes: number) => void,
  ): Promise<Opened> => {
    const { host, port } = rule;
    const { method = '', url = '', headers } = request;
    if (![host, `${host}:${port}`].includes(headers.host?.toLowerCase() ?? ''))
      throw new EgressDenied('host_header');
    if (headers.upgrade !== undefined) throw new EgressDenied('upgrade');
    if (!url.startsWith('/')) throw new EgressDenied('address');
    const body = await bodyOf(request, hold);
    use.sentBytes = body?.length ?? 0;
    const { plain, credentials } = split(headers, rule, secrets.of(rule));
    const texts = [url, decoded(url), ...Object.entries(plain).flat(), body?.toString('latin1') ?? ''];
    if (texts.some(holdsPlaceholder)) throw new EgressDenied('placeholder');
    const query = new URL(url, 'https://host').searchParams;
    if ([...query.keys()].some((name) => credentialQuery.test(name))) throw new EgressDenied('credential');
    const outgoing = {
      method,
      url: `https://${host}:${port}${url}`,
      headers: plain,
      credentials,
      body,
      signal,
    };
    return client.open(outgoing, [allowed(rule)]);
  };

  const answer = async (
    request: IncomingMessage,
    response: ServerResponse,
    rule: EgressRule,
  ): Promise<void> => {
    let use: EgressUse | undefined;
    let opened: Opened | undefined;
    let own = 0;
    const hold = (bytes: number): void => {
      own += bytes;
      held += bytes;
      if (held > mostHeld) throw new EgressDenied('size');
    };
    try {
      use = uses.begin(rule, request.method);
      opened = await forward(request, rule, use, hold);
      // An answer that is given up ends with an error that nobody else may hear.
      opened.body.on('error', () => undefined);
      use.status = opened.status;
      use.path = listedPath(rule, request.url ?? '');
      await pass(opened, response, { use, lent: secrets.of(rule), hold });
      use.outcome = 'ok';
    } catch (error) {
      opened?.body.destroy();
      const denied = ruleOf(error);
      if (denied && use) refuse(use, denied);
      if (response.headersSent) return void response.destroy();
      const failed = '{"code":"egress_failed","how":"The host did not answer; try again later."}';
      response
        .writeHead(denied ? 403 : 502, { 'content-type': 'application/json', connection: 'close' })
        .end(denied ? denial(denied) : failed);
    } finally {
      held -= own;
    }
  };

  return {
    serve(socket, rule) {
      const server = createServer((request, response) => void answer(request, response, rule));
      server.emit('connection', socket);
    },
  };
}

const allowed = (rule: EgressRule): Allowed => ({
  // A private range counts only for a port that is named.
  host: rule.port === 443 && rule.privateNetworks.length === 0 ? rule.host : `${rule.host}:${rule.port}`,
  methods: rule.methods ?? allMethods,
  paths: rule.paths,
  privateNetworks: rule.privateNetworks,
});

/** The headers that go out as they are, and those that prove who asks: the bound secret where its placeholder stands. */
function split(
  headers: IncomingHttpHeaders,
  { secret }: EgressRule,
  lent: Lent | undefined,
): { plain: Record<string, string>; credentials: Record<string, string> } {
  const plain: Record<string, string> = {};
  const credentials: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const text = String(value);
    if (
      secret &&
      lent &&
      name === secret.header &&
      [lent.placeholder, secret.prefix + lent.placeholder].includes(text)
    )
      credentials[name] = secret.prefix + lent.value;
    else if (holdsPlaceholder(text)) throw new EgressDenied('placeholder');
    else if (!closed(name) && !hopHeaders.test(name) && !isCredential(name) && name !== secret?.header)
      plain[name] = text;
  }
  return { plain, credentials };
}

async function bodyOf(request: IncomingMessage, hold: (bytes: number) => void): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    hold(part.length);
    if (size > mostBody) throw new EgressDenied('size');
    parts.push(part);
  }
  return size === 0 ? null : Buffer.concat(parts);
}

/** Hands the answer in. One to a request that may have carried a secret is searched for it first. */
async function pass(
  { status, headers, body }: Opened,
  response: ServerResponse,
  { use, lent, hold }: { use: EgressUse; lent: Lent | undefined; hold: (bytes: number) => void },
): Promise<void> {
  const clean = scrubber(lent?.hidden ?? []);
  const shown = Object.entries(headers)
    .filter(
      ([name]) => !hopHeaders.test(name) && (!lent || (name !== 'content-length' && clean(name) === name)),
    )
    .map(([name, value]): [string, string | string[]] => [
      name,
      Array.isArray(value) ? value.map((one) => clean(one)) : clean(value ?? ''),
    ]);
  if (!lent) {
    response.writeHead(status, Object.fromEntries(shown));
    return stream(body, response, use);
  }
  const packings = [headers['content-encoding'] ?? 'identity', headers['transfer-encoding'] ?? 'chunked'];
  if (packings.join() !== 'identity,chunked') throw new Error('a packed answer cannot be searched');
  const parts: Buffer[] = [];
  for await (const part of body as AsyncIterable<Buffer>) {
    use.receivedBytes += part.length;
    hold(part.length);
    if (use.receivedBytes > mostSearched) throw new EgressDenied('size');
    parts.push(part);
  }
  // As bytes: each is one letter, so that what is no text comes through unchanged.
  const text = Buffer.from(clean(Buffer.concat(parts).toString('latin1')), 'latin1');
  response.writeHead(status, Object.fromEntries(shown)).end(text);
}

/** Passes a body on as it comes and as it is read. */
async function stream(body: AsyncIterable<Buffer>, response: ServerResponse, use: EgressUse): Promise<void> {
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  for await (const part of body) {
    use.receivedBytes += part.length;
    if (!response.write(part))
      await once(response, 'drain', { signal: closed.signal }).catch(() => undefined);
    // Leaving the loop early closes the connection to the host.
    if (response.destroyed) return;
  }
  response.end();
}

function listedPath({ paths }: EgressRule, url: string): string {
  const path = url.split('?')[0] ?? '';
  return paths?.find((one) => path.startsWith(one.replace(/\/$/, ''))) ?? '/';
}

/** As a lenient host may read it: an escape that is none stays as it is. */
const decoded = (url: string): string =>
  url.replace(/%([0-9a-f]{2})/gi, (_all, byte: string) => String.fromCharCode(parseInt(byte, 16)));
