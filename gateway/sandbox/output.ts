import { Writable } from 'node:stream';

/** Collects stdout and stderr up to one bound for both, and calls `onFull` once when it is passed. */
export class Output {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly #chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  readonly #onFull: () => void;
  #left: number;
  #full = false;

  constructor(limit: number, onFull: () => void) {
    this.#left = limit;
    this.#onFull = onFull;
    this.stdout = this.#sink('stdout');
    this.stderr = this.#sink('stderr');
  }

  get full(): boolean {
    return this.#full;
  }

  /** What was collected. NUL becomes U+FFFD: Postgres stores no NUL in text, and no terminal shows one. */
  text(name: 'stdout' | 'stderr'): string {
    return Buffer.concat(this.#chunks[name]).toString('utf8').replaceAll('\0', '\uFFFD');
  }

  #sink(name: 'stdout' | 'stderr'): Writable {
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (chunk.length > this.#left && !this.#full) {
          this.#full = true;
          this.#onFull();
        }
        const kept = chunk.subarray(0, this.#left);
        this.#left -= kept.length;
        if (kept.length > 0) this.#chunks[name].push(Buffer.from(kept));
        done();
      },
    });
  }
}
