import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { getExtensionData, readTlsClientHello } from 'read-tls-client-hello';
import { EgressDenied } from './denied.ts';

/** Encrypted ClientHello (RFC 9849): the name that counts would be another than the one to be read. */
const encryptedHello = 0xfe0d;
const waitMs = 5000;

/**
 * Looks at the first message of TLS and leaves it on the stream.
 * @throws EgressDenied for what is no TLS, or names another host than the one that was asked for
 */
export async function checkHello(socket: Duplex, host: string): Promise<void> {
  const late = new AbortController();
  const wait = sleep(waitMs, undefined, { signal: late.signal });
  try {
    const hello = await Promise.race([readTlsClientHello(socket), wait.catch(() => undefined)]);
    if (!hello) throw new Error('nothing came');
    const { serverName } = getExtensionData(hello, 'server_name') ?? {};
    if (serverName?.toLowerCase() !== host || hello.extensions.some(({ id }) => id === encryptedHello))
      throw new EgressDenied('sni');
  } catch (error) {
    throw error instanceof EgressDenied ? error : new EgressDenied('protocol');
  } finally {
    late.abort();
  }
}
