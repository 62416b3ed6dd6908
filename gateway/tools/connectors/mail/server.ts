import { Readable } from 'node:stream';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { checkedLookup, type Names } from '../../../egress/index.ts';
import type { Smtp } from './message.ts';
import { refused } from './refused.ts';

/** A login of the mail server. */
export interface Login {
  user: string;
  password: string;
}

/** How one mail ended at the server. */
export type Sent =
  | { state: 'accepted'; refused: string[] }
  /** The server said no, so that it has nothing. */
  | { state: 'refused'; code: number | null }
  /** It was handed over, and nobody heard what became of it. */
  | { state: 'unknown' };

/** A connection that has signed in. */
export interface Session {
  send(mail: { from: string; to: readonly string[]; bytes: Buffer }): Promise<Sent>;
  close(): void;
}

const connectMs = 10_000;

/**
 * Connects by TLS to an address that was checked, and signs in.
 * @param names the resolver
 * @throws GatehouseError `GH-TOOLS-073` (login), `GH-TOOLS-074` (server); `GH-TOOLS-076` where it cannot be reached and `-077` where it
 *   takes nothing for now, of which nothing was sent; EgressRefused for an address that is closed
 */
export async function signIn(
  server: Smtp,
  login: Login,
  signal: AbortSignal,
  names?: Names,
): Promise<Session> {
  const { host, port, tls, certificate, privateNetworks } = server;
  const address = await resolved(host, privateNetworks, names);
  const connection = new SMTPConnection({
    host: address,
    port,
    secure: tls === 'implicit',
    requireTLS: true,
    tls: {
      servername: host,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      ...(certificate === undefined ? {} : { ca: certificate }),
    },
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    socketTimeout: 60_000,
    maxResponseSize: 64 * 1024,
    // Ours would tell the name of the machine.
    name: server.from.address.slice(server.from.address.lastIndexOf('@') + 1),
  });
  const failed = new Promise<never>((_resolve, reject) => {
    connection.on('error', reject);
    signal.addEventListener('abort', () => {
      reject(new Error('the time of the call is over'));
      connection.close();
    });
  });
  // Whoever waits for the connection hears of it; nobody else has to.
  failed.catch(() => undefined);
  const settled = <T>(
    start: (done: (error: Error | null | undefined, value?: T) => void) => void,
  ): Promise<T> =>
    Promise.race([
      failed,
      new Promise<T>((resolve, reject) =>
        start((error, value) => (error ? reject(error) : resolve(value as T))),
      ),
    ]);
  try {
    signal.throwIfAborted();
    await settled<void>((done) => connection.connect((error) => done(error)));
    await settled<void>((done) =>
      connection.login(
        { user: login.user, credentials: { user: login.user, pass: login.password } },
        (error) => done(error),
      ),
    );
  } catch (error) {
    connection.close();
    throw notConnected(error, server);
  }
  return {
    async send({ from, to, bytes }) {
      let begun = false;
      // Read only once the server has agreed to take the mail.
      const message = Readable.from(
        (function* () {
          begun = true;
          yield bytes;
        })(),
        { objectMode: false },
      );
      try {
        const { rejected } = await settled<{ rejected: unknown[] }>((done) =>
          connection.send({ from, to: [...to], size: bytes.length }, message, done),
        );
        return { state: 'accepted', refused: rejected.map(String) };
      } catch (error) {
        const { code, responseCode } = error as { code?: string; responseCode?: number };
        // Its answer to the whole mail; everything else after the first byte could mean anything.
        if (begun && !(code === 'EMESSAGE' && responseCode !== undefined && responseCode >= 400))
          return { state: 'unknown' };
        return { state: 'refused', code: responseCode ?? null };
      }
    },
    close: () => connection.quit(),
  };
}

/** The one address that is connected to; it is not looked up again. */
function resolved(host: string, opened: readonly string[], names?: Names): Promise<string> {
  return new Promise((resolve, reject) => {
    checkedLookup(opened, names)(host, { all: false }, (error, address) => {
      if (!error) return resolve(typeof address === 'string' ? address : '');
      reject(
        'rule' in error
          ? error
          : error.code === 'ENOTFOUND'
            ? refused(
                'server',
                `The mail server ${host} is not known.`,
                'Correct host in the file of the tool.',
              )
            : unreachable(host, 'its name cannot be looked up'),
      );
    });
  });
}

function notConnected(error: unknown, { host, port }: Smtp): Error {
  const { code, originalCode, responseCode } = error as {
    code?: string;
    originalCode?: string;
    responseCode?: number;
  };
  // RFC 5321, 4.2.1: it says no for now, also to a login (RFC 4954, 6).
  if (responseCode !== undefined && responseCode >= 400 && responseCode < 500)
    return refused(
      'busy',
      `The mail server ${host} takes no mail for now (${responseCode}), so nothing was sent.`,
      'Try again later.',
    );
  // Its text may repeat what we sent.
  if (code === 'EAUTH')
    return refused(
      'login',
      `The mail server ${host} does not accept the login (${responseCode ?? 'no method'}).`,
      'Set the secret of the tool again.',
    );
  const untrusted = code === 'ETLS' || /certificate|self-signed|altname/i.test((error as Error).message);
  if (!untrusted && responseCode === undefined && isAway(code, originalCode))
    return unreachable(`${host}:${port}`, originalCode ?? code ?? 'no answer in time');
  const why = untrusted ? 'no TLS that can be trusted' : (code ?? 'no answer in time');
  return refused(
    'server',
    `The mail server ${host}:${port} cannot be used: ${why}.`,
    'Try again later, or check host, port, tls and certificate in the file of the tool.',
  );
}

const unreachable = (server: string, why: string): Error =>
  refused(
    'unreachable',
    `The mail server ${server} cannot be reached (${why}), so nothing was sent.`,
    'Try again later, or check host and port in the file of the tool.',
  );

const lines = ['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EPIPE'];

/** Whether there was no line, or it broke before the server took anything. An error without a code is the end of our own patience. */
const isAway = (code: string | undefined, system: string | undefined): boolean =>
  code === undefined || code === 'ETIMEDOUT' || code === 'ECONNECTION' || lines.includes(system ?? code);
