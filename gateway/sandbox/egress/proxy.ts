import { randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getCACertificates, TLSSocket } from 'node:tls';
import { checkedLookup, createEgress, type Names } from '../../egress/index.ts';
import { createAuthority } from './authority.ts';
import { isName, type EgressRule, type EgressRules, type EgressUse } from './contract.ts';
import { denial, EgressDenied, ruleOf, type EgressDenial } from './denied.ts';
import { checkHello } from './hello.ts';
import { createInterceptor } from './interceptor.ts';
import { placeholders } from './placeholders.ts';
import { refuse, Uses } from './uses.ts';

/** The way out of one run. It has that run's rules and no other's, and ends with it. */
export interface EgressProxy {
  /** What the run's container has to know: its environment, and the certificates that it trusts. */
  settings: { env: Record<string, string>; certificates: string };
  /** Serves a connection that the code inside made. */
  serve(connection: Duplex): void;
  /** What was used so far, refusals too. */
  uses: readonly EgressUse[];
  /** Ends all connections; nothing is served any more. */
  close(): void;
}

const connectMs = 5000;
const certificateFile = '/tmp/.gatehouse-ca.pem';

/**
 * @param options.rules what the run may reach, as its order has it
 * @param options.key opens the secrets of the rules
 * @param options.names finds the addresses of a name; replaced in tests
 */
export async function createProxy(options: {
  rules: EgressRules;
  key: KeyObject;
  names?: Names | undefined;
}): Promise<EgressProxy> {
  const { rules, key, names } = options;
  const token = randomBytes(24).toString('base64url');
  const authority = await createAuthority();
  const secrets = await placeholders(rules, key);
  const uses = new Uses();
  const ended = new AbortController();
  const client = createEgress(names ? { names } : {});
  const open = new Set<Duplex>();
  const interceptor = createInterceptor({ client, secrets, uses, signal: ended.signal });

  const keep = <S extends Duplex>(socket: S): S => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => open.delete(socket));
    return socket;
  };

  /** @throws EgressDenied for all that no rule opens, before any name is looked up */
  const ruleFor = (target: string, use: EgressUse): EgressRule => {
    const [, host = '', port = ''] = /^(\[[^\]]*\]|[^:]+):(\d{1,5})$/.exec(target.toLowerCase()) ?? [];
    Object.assign(use, { host: host.slice(0, 253), port: Number(port) });
    const onHost = rules.filter((rule) => rule.host === host);
    if (onHost.length === 0) throw new EgressDenied(isName(host) ? 'host' : 'ip_literal');
    const rule = onHost.find((one) => one.port === Number(port));
    if (!rule) throw new EgressDenied('port');
    return rule;
  };

  const tunnel = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    keep(socket);
    let use: EgressUse | undefined;
    let answered = false;
    try {
      use = uses.begin({ host: '', port: 0 }, 'CONNECT');
      const rule = ruleFor(request.url ?? '', use);
      if (!isOwn(request.headers['proxy-authorization'], token)) throw new EgressDenied('token');
      const upstream = rule.intercept ? null : keep(await dial(rule, names, ended.signal));
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      answered = true;
      if (head.length > 0) socket.unshift(head);
      await checkHello(socket, rule.host);
      use.outcome = 'ok';
      if (upstream) return join(socket, upstream, use);
      // Its requests are uses of their own.
      uses.drop(use);
      const secureContext = await authority.contextFor(rule.host);
      const secure = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] });
      interceptor.serve(keep(secure), rule);
    } catch (error) {
      const rule = ruleOf(error);
      if (use && rule) refuse(use, rule);
      if (answered) socket.destroy();
      // Nobody reads what still comes.
      else socket.end(refusal(rule), () => socket.destroy());
    }
  };

  const server = createServer((request, response) => {
    const { host = '' } = request.headers;
    try {
      refuse(uses.begin({ host, port: 80 }, request.method ?? null), 'scheme');
    } catch {
      // One of too many is refused all the same.
    }
    response.writeHead(403, 'egress_denied rule=scheme', { connection: 'close' }).end(denial('scheme'));
  });
  server.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    void tunnel(request, socket, head);
  });

  const proxyUrl = `http://run:${token}@127.0.0.1:3128`;
  return {
    settings: {
      env: {
        ...Object.fromEntries(
          ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].map((name) => [name, proxyUrl]),
        ),
        ...Object.fromEntries(
          ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'].map((name) => [name, certificateFile]),
        ),
        ...secrets.env,
      },
      // Hosts that are not intercepted show the certificates that the world knows.
      certificates: [
        authority.pem,
        ...(rules.every(({ intercept }) => intercept) ? [] : getCACertificates('default')),
      ].join('\n'),
    },
    serve(connection) {
      if (ended.signal.aborted) connection.destroy();
      else server.emit('connection', keep(connection));
    },
    uses: uses.list,
    close() {
      ended.abort();
      for (const socket of open) socket.destroy();
    },
  };
}

/** Connects to an address that was checked, and to that one only. */
async function dial(rule: EgressRule, names: Names | undefined, signal: AbortSignal): Promise<Socket> {
  const { host, port, privateNetworks } = rule;
  const socket = connect({ host, port, lookup: checkedLookup(privateNetworks, names) });
  try {
    await once(socket, 'connect', { signal: AbortSignal.any([signal, AbortSignal.timeout(connectMs)]) });
    return socket;
  } catch (error) {
    socket.on('error', () => undefined).destroy();
    throw error;
  }
}

function join(inside: Duplex, outside: Socket, use: EgressUse): void {
  const count = (): void => {
    use.sentBytes = outside.bytesWritten;
    use.receivedBytes = outside.bytesRead;
  };
  outside.on('data', count);
  inside.pipe(outside).pipe(inside);
  inside.once('close', () => (count(), outside.destroy()));
  outside.once('close', () => (count(), inside.destroy()));
}

function isOwn(given: string | undefined, token: string): boolean {
  const own = Buffer.from(`Basic ${Buffer.from(`run:${token}`).toString('base64')}`);
  const other = Buffer.from(given ?? '');
  return own.length === other.length && timingSafeEqual(own, other);
}

/** The answer to a CONNECT. Clients show its first line, few of them its body. */
function refusal(rule: EgressDenial | null): string {
  const [line, body] = rule
    ? [`${rule === 'token' ? 407 : 403} egress_denied rule=${rule}`, denial(rule)]
    : ['502 egress_failed', '{"code":"egress_failed","how":"The host cannot be reached; try again later."}'];
  return [
    `HTTP/1.1 ${line}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
