import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';

/** One mail as the server took it. */
export interface Taken {
  from: string;
  to: string[];
  raw: string;
  mail: Email;
}

/** How a server behaves beyond taking every mail. */
export interface Manner {
  tls?: 'implicit' | 'starttls' | 'none';
  /** The name of its certificate. */
  name?: string;
  refuses?: (address: string) => boolean;
  /** `die`: it closes the connection once it has the whole mail, and says nothing. `late`: after it has begun to read. */
  data?: 'take' | 'refuse' | 'busy' | 'die' | 'late';
  /** Dies once it has the mail of this address. */
  diesOf?: string;
  before?: 'die-at-mail' | 'busy-at-login' | 'die-at-login';
}

/** A real SMTP server with TLS and a login; it keeps what it gets. */
export interface MailServer {
  port: number;
  /** What signed its certificate, as PEM. */
  certificate: string;
  taken: Taken[];
  /** Every login that was tried. */
  logins: string[];
  close(): Promise<void>;
}

export const login = { user: 'office@example.com', password: 'pä:ss word' };

/** Certificates take a second each to make, so that one of a name serves all tests of a file. */
const made = new Map<string, { key: string; cert: string }>();
export function certificateFor(name: string): { key: string; cert: string } {
  const known = made.get(name);
  if (known) return known;
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-cert-'));
  try {
    const files = ['-keyout', join(dir, 'key'), '-out', join(dir, 'cert')];
    const kind = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
    ];
    execFileSync(
      'openssl',
      [...kind, '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, ...files],
      { stdio: 'ignore' },
    );
    const pair = {
      key: readFileSync(join(dir, 'key'), 'utf8'),
      cert: readFileSync(join(dir, 'cert'), 'utf8'),
    };
    made.set(name, pair);
    return pair;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

export async function mailServer(manner: Manner = {}): Promise<MailServer> {
  const { tls = 'implicit', name = 'smtp.example.com', data = 'take' } = manner;
  const { key, cert } = certificateFor(name);
  const taken: Taken[] = [];
  const logins: string[] = [];
  const socketOf = (session: SMTPServerSession): Socket =>
    [...(server.connections as Set<{ session: SMTPServerSession; _socket: Socket }>)].find(
      (connection) => connection.session.id === session.id,
    )?._socket as Socket;
  const fail = (code: number): Error =>
    Object.assign(new Error(`refused ${login.password}`), { responseCode: code });
  const server = new SMTPServer({
    secure: tls === 'implicit',
    ...(tls === 'none' ? { hideSTARTTLS: true, allowInsecureAuth: true } : { key, cert }),
    disableReverseLookup: true,
    logger: false,
    onAuth(auth, session, done) {
      logins.push(`${auth.username}:${auth.password}`);
      if (manner.before === 'busy-at-login') return void done(fail(454));
      if (manner.before === 'die-at-login') return void socketOf(session).destroy();
      const good = auth.username === login.user && auth.password === login.password;
      if (good) done(null, { user: login.user });
      else done(fail(535));
    },
    onMailFrom(_address, session, done) {
      if (manner.before === 'die-at-mail') socketOf(session).destroy();
      else done();
    },
    onRcptTo: ({ address }, _session, done) => done(manner.refuses?.(address) ? fail(550) : null),
    onData(stream, session, done) {
      if (data === 'late') return void stream.once('data', () => socketOf(session).destroy());
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const raw = Buffer.concat(chunks).toString('utf8');
        const { mailFrom, rcptTo } = session.envelope;
        void PostalMime.parse(raw).then((mail) => {
          if (data === 'refuse') return done(fail(554));
          if (data === 'busy') return done(fail(451));
          taken.push({
            from: mailFrom ? mailFrom.address : '',
            to: rcptTo.map(({ address }) => address),
            raw,
            mail,
          });
          if (data === 'die' || taken.at(-1)?.to.includes(manner.diesOf ?? '')) socketOf(session).destroy();
          else done();
        });
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    certificate: cert,
    taken,
    logins,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
