import { Duplex, type Writable } from 'node:stream';

/**
 * Frames of both directions: a type, the number of a connection and a length (nine bytes), and the payload of `d`.
 * `o` opens a connection (from inside only), `d` carries bytes, `e` ends one direction, `w` gives back so many bytes of the
 * other side's window, so that one connection that nobody reads holds up no other.
 */
const headBytes = 9;
const window = 262_144;
/** More than any frame of the forwarder. */
const mostFrame = 65_536;
const mostConnections = 64;
/** Frames that may wait to go inside. More means that nobody reads there; their bytes the windows bound. */
const mostWaiting = 65_536;

/** Carries the connections of one container over one attached stream. What comes from inside is not trusted. */
export class Tunnel {
  readonly #out: Writable;
  readonly #opened: (connection: Duplex) => void;
  readonly #channels = new Map<number, Channel>();
  #rest: Buffer = Buffer.alloc(0);
  #waiting = 0;
  #closed = false;

  /**
   * @param out where frames go
   * @param opened told of each connection that the code inside makes
   */
  constructor(out: Writable, opened: (connection: Duplex) => void) {
    this.#out = out;
    this.#opened = opened;
  }

  /** Takes bytes that came from inside. A frame that is none closes all of it. */
  receive(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (!this.#closed && this.#rest.length >= headBytes) {
      const type = String.fromCharCode(this.#rest[0] ?? 0);
      const id = this.#rest.readUInt32BE(1);
      const length = this.#rest.readUInt32BE(5);
      const size = type === 'd' ? length : 0;
      if (size > mostFrame) return this.close();
      if (this.#rest.length < headBytes + size) return;
      const payload = this.#rest.subarray(headBytes, headBytes + size);
      this.#rest = this.#rest.subarray(headBytes + size);
      if (!this.#frame(type, id, length, payload)) return this.close();
    }
  }

  /** Ends every connection. */
  close(): void {
    this.#closed = true;
    this.#rest = Buffer.alloc(0);
    for (const channel of this.#channels.values()) channel.destroy();
  }

  #frame(type: string, id: number, length: number, payload: Buffer): boolean {
    const channel = this.#channels.get(id);
    if (type === 'o') {
      if (channel) return false;
      if (this.#channels.size >= mostConnections) this.#send('e', id);
      else this.#open(id);
      return true;
    }
    // It may have ended here while this was on its way.
    if (!channel) return ['d', 'e', 'w'].includes(type);
    if (type === 'd') return channel.receive(payload);
    if (type === 'w') return channel.credit(length);
    channel.push(null);
    return type === 'e';
  }

  #open(id: number): void {
    const channel = new Channel((type, length, payload) => this.#send(type, id, length, payload));
    this.#channels.set(id, channel);
    channel.on('error', () => undefined);
    channel.once('close', () => this.#channels.delete(id));
    this.#opened(channel);
  }

  #send(type: 'd' | 'e' | 'w', id: number, length = 0, payload?: Buffer): void {
    if (this.#closed && type !== 'e') return;
    const head = Buffer.alloc(headBytes);
    head.write(type, 'latin1');
    head.writeUInt32BE(id, 1);
    head.writeUInt32BE(length, 5);
    if (!this.#out.writable) return;
    this.#waiting += 1;
    this.#out.write(payload ? Buffer.concat([head, payload]) : head, () => (this.#waiting -= 1));
    if (this.#waiting > mostWaiting && !this.#closed) this.close();
  }
}

/** One connection from inside, as a stream. */
class Channel extends Duplex {
  readonly #send: (type: 'd' | 'e' | 'w', length?: number, payload?: Buffer) => void;
  #credit = window;
  #unread = 0;
  #waiting: { rest: Buffer; done: () => void } | undefined;
  #ended = false;

  constructor(send: (type: 'd' | 'e' | 'w', length?: number, payload?: Buffer) => void) {
    super();
    this.#send = send;
  }

  /** @returns false where more came than the window allows */
  receive(payload: Buffer): boolean {
    this.#unread += payload.length;
    if (this.#unread > window) return false;
    if (this.push(payload)) this._read();
    return true;
  }

  /** @returns false for more than was ever sent */
  credit(bytes: number): boolean {
    this.#credit += bytes;
    if (this.#credit > window) return false;
    this.#flush();
    return true;
  }

  override _read(): void {
    if (this.#unread === 0) return;
    this.#send('w', this.#unread);
    this.#unread = 0;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#waiting = { rest: chunk, done };
    this.#flush();
  }

  override _final(done: () => void): void {
    this.#end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#end();
    done(error);
  }

  #end(): void {
    if (!this.#ended) this.#send('e');
    this.#ended = true;
  }

  #flush(): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    while (waiting.rest.length > 0 && this.#credit > 0) {
      const part = waiting.rest.subarray(0, Math.min(this.#credit, mostFrame));
      waiting.rest = waiting.rest.subarray(part.length);
      this.#credit -= part.length;
      this.#send('d', part.length, part);
    }
    if (waiting.rest.length > 0) return;
    this.#waiting = undefined;
    waiting.done();
  }
}
