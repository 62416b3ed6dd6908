import { createSocket, type Socket } from 'node:dgram';
import { Resolver } from 'node:dns';
import { once } from 'node:events';

/** Like `dns.lookup`, as far as a socket asks for it. */
type Lookup = typeof import('node:dns').lookup;

/**
 * A DNS server of one's own: it answers questions for A records with the address that is next for the name, and keeps to
 * the last one; every other question gets an empty answer. A name that flips is one with two addresses (RFC 1035).
 */
export class FakeDns {
  readonly asked: string[] = [];
  readonly #addresses = new Map<string, string[]>();
  readonly #socket: Socket = createSocket('udp4');

  async start(): Promise<this> {
    this.#socket.on('message', (question, from) =>
      this.#socket.send(this.#answer(question), from.port, from.address),
    );
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
    return this;
  }

  async stop(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  /** @param addresses one for each question, in turn; several in one answer are joined by a comma */
  set(name: string, ...addresses: string[]): void {
    this.#addresses.set(name, addresses);
  }

  /** Looks names up at this server and nowhere else. */
  get lookup(): Lookup {
    const resolver = new Resolver({ timeout: 1000, tries: 1 });
    resolver.setServers([`127.0.0.1:${this.#socket.address().port}`]);
    const lookup = (
      name: string,
      _options: object,
      done: (error: Error | null, found: { address: string; family: number }[]) => void,
    ): void =>
      resolver.resolve4(name, (error, found) =>
        done(
          // What the system's own resolver calls it.
          error && Object.assign(error, { code: 'ENOTFOUND' }),
          (found ?? []).map((address) => ({ address, family: 4 })),
        ),
      );
    return lookup as unknown as Lookup;
  }

  #answer(question: Buffer): Buffer {
    const { name, end } = nameIn(question);
    this.asked.push(name);
    const known = this.#addresses.get(name) ?? [];
    const given = known.length > 1 ? known.shift() : known[0];
    const isA = question.readUInt16BE(end) === 1;
    const records = isA && given !== undefined ? given.split(',') : [];
    const head = Buffer.from(question.subarray(0, end + 4));
    head.writeUInt16BE(0x8180, 2);
    head.writeUInt16BE(records.length, 6);
    head.writeUInt16BE(0, 8);
    head.writeUInt16BE(0, 10);
    // A pointer to the name of the question, type A, class IN, no time to live, four bytes.
    const each = records.map((address) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]),
    );
    return Buffer.concat([head, ...each]);
  }
}

function nameIn(message: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}
