import { finished } from 'node:stream/promises';
import { Writable, type Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import type { ContainerCreateOptions } from 'dockerode';
import type { Link } from './egress/attach.ts';
import type { OutputName } from './output.ts';

/** A container that was started ahead: its launcher waits on the attached stream for the one job it will run. */
export interface Waiting extends Launched {
  /** The user that it alone has. */
  uid: number;
  /** Its way to a proxy; undefined without a network. */
  link?: Link;
}

/** A container, its launcher and the stream between. */
interface Launched {
  container: Docker.Container;
  /** From now on the output goes to `sink`. */
  open: (sink: (name: OutputName, chunk: Buffer) => void) => void;
  /** Writes a part of the job. */
  write: (part: Uint8Array) => void;
  /** Resolves when the container's output has ended. */
  ended: Promise<void>;
  /** Whether it has. */
  isOver: () => boolean;
}

/** What the types of dockerode leave open. Docker sends both outputs in one stream. */
interface Demultiplexer {
  demuxStream(stream: NodeJS.ReadableStream, stdout: Writable, stderr: Writable): void;
}

/** What a launcher says when it waits. */
const greeting = 'ready\n';
/** How long a container may take until its launcher waits. */
const startMs = 30_000;

/**
 * Creates a container, attaches to it, starts it and waits for its launcher.
 * @param created told of the container as soon as it exists, so that it is removed whatever happens then
 * @returns also where the container ended before it was ready, which its run then finds
 * @throws what Docker answers
 */
export async function launch(
  docker: Docker,
  options: ContainerCreateOptions,
  created: (container: Docker.Container) => void,
): Promise<Launched> {
  const container = await docker.createContainer(options);
  created(container);
  const stream = (await container.attach({
    stream: true,
    stdin: true,
    stdout: true,
    stderr: true,
    hijack: true,
  })) as Duplex;
  // A reset of this stream says no more than its end does.
  stream.on('error', () => undefined);
  let over = false;
  const ended = finished(stream, { writable: false })
    .catch(() => undefined)
    .then(() => void (over = true));

  let sink: ((name: OutputName, chunk: Buffer) => void) | undefined;
  let early = '';
  let greeted: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => (greeted = resolve));
  const receive = (name: OutputName, chunk: Buffer): void => {
    if (sink) return sink(name, chunk);
    if (name === 'stdout' && early.length < greeting.length) early += chunk.toString('latin1');
    if (early === greeting) greeted();
  };
  const output = (name: OutputName): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        // The stream reuses its memory.
        receive(name, Buffer.from(chunk));
        done();
      },
    });
  (container.modem as Demultiplexer).demuxStream(stream, output('stdout'), output('stderr'));
  await container.start();
  const late = new AbortController();
  await Promise.race([
    ready,
    ended,
    sleep(startMs, undefined, { signal: late.signal }).catch(() => undefined),
  ]);
  late.abort();
  return {
    container,
    ended,
    isOver: () => over,
    open: (to) => void (sink = to),
    write: (part) => void stream.write(part),
  };
}
