import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable, type Duplex } from 'node:stream';
import type Docker from 'dockerode';
import type { EgressProxy } from './proxy.ts';
import { Tunnel } from './tunnel.ts';

/** The way from a container without a network to one proxy. */
export interface Link {
  /** From now on the connections that the code makes are this proxy's. */
  carry(proxy: Pick<EgressProxy, 'serve'>): void;
}

/** What the types of dockerode leave open. */
interface Demultiplexer {
  demuxStream(stream: NodeJS.ReadableStream, stdout: Writable, stderr: Writable): void;
}

const forwarder = readFileSync(join(import.meta.dirname, '../launchers/forwarder.pl'), 'utf8');
const greeting = 'ready\n';
const startMs = 10_000;

/** The container cannot run the forwarder. */
export class NoForwarder extends Error {}

/**
 * Starts the forwarder in a running container, as a process beside its launcher: it has the same limits and no more rights
 * than the code has, and listens on the loopback, which is the only interface.
 * @throws NoForwarder where the image lacks Perl; what Docker answers
 */
export async function attach(container: Docker.Container): Promise<Link> {
  const exec = await container.exec({
    Cmd: ['perl', '-e', forwarder],
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
  });
  const stream: Duplex = await exec.start({ hijack: true, stdin: true });
  let proxy: Pick<EgressProxy, 'serve'> | undefined;
  const tunnel = new Tunnel(stream, (connection) => {
    if (proxy) proxy.serve(connection);
    else connection.destroy();
  });
  stream.on('error', () => undefined);
  stream.once('close', () => tunnel.close());
  let early = '';
  const started = new AbortController();
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      let from = 0;
      if (early.length < greeting.length) {
        from = greeting.length - early.length;
        early += chunk.toString('latin1', 0, from);
        if (early.length === greeting.length) stdout.emit('ready');
      }
      // The stream reuses its memory.
      if (chunk.length > from) tunnel.receive(Buffer.from(chunk.subarray(from)));
      done();
    },
  });
  const stderr = new Writable({ write: (_chunk, _encoding, done) => done() });
  (container.modem as Demultiplexer).demuxStream(stream, stdout, stderr);
  const signal = AbortSignal.any([started.signal, AbortSignal.timeout(startMs)]);
  try {
    await Promise.race([
      once(stdout, 'ready', { signal }),
      once(stream, 'end', { signal }),
      once(stream, 'close', { signal }),
    ]);
  } finally {
    started.abort();
  }
  if (early !== greeting) throw new NoForwarder('the image cannot run the forwarder');
  return { carry: (to) => void (proxy = to) };
}
