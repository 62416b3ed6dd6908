export type OutputName = 'stdout' | 'stderr';

/**
 * Passes output on up to one bound for stdout and stderr together, and keeps apart what follows the marker on stdout: the
 * tar of the artefacts, up to a bound of its own.
 */
export class Output {
  readonly #emit: (name: OutputName, chunk: Buffer) => void;
  readonly #stop: () => void;
  readonly #marker: Buffer | undefined;
  readonly #tar: Buffer[] = [];
  #held: Buffer = Buffer.alloc(0);
  #left: number;
  #tarLeft: number;
  #full = false;
  #inTar = false;

  /**
   * @param marker what the launcher writes between output and tar; undefined where nothing is fetched
   * @param stop called once a bound is passed
   */
  constructor(options: {
    limit: number;
    tarLimit: number;
    marker: string | undefined;
    emit: (name: OutputName, chunk: Buffer) => void;
    stop: () => void;
  }) {
    this.#left = options.limit;
    this.#tarLeft = options.tarLimit;
    this.#marker = options.marker === undefined ? undefined : Buffer.from(options.marker);
    this.#emit = options.emit;
    this.#stop = options.stop;
  }

  /** Whether there was more output than the limit. */
  get full(): boolean {
    return this.#full;
  }

  /** What followed the marker. */
  get tar(): Buffer | 'too_large' {
    return this.#tarLeft < 0 ? 'too_large' : Buffer.concat(this.#tar);
  }

  write(name: OutputName, chunk: Buffer): void {
    if (this.#inTar && name === 'stdout') return this.#keep(chunk);
    if (name === 'stderr' || this.#marker === undefined) return this.#pass(name, chunk);
    const all = Buffer.concat([this.#held, chunk]);
    const at = all.indexOf(this.#marker);
    if (at < 0) {
      const held = startOf(this.#marker, all);
      this.#held = all.subarray(all.length - held);
      return this.#pass(name, all.subarray(0, all.length - held));
    }
    this.#held = Buffer.alloc(0);
    this.#inTar = true;
    this.#pass(name, all.subarray(0, at));
    this.#keep(all.subarray(at + this.#marker.length));
  }

  /** Passes on what was held back as a possible marker. */
  end(): void {
    this.#pass('stdout', this.#held);
  }

  #pass(name: OutputName, chunk: Buffer): void {
    const kept = chunk.subarray(0, this.#left);
    this.#left -= kept.length;
    if (kept.length > 0) this.#emit(name, kept);
    if (kept.length === chunk.length || this.#full) return;
    this.#full = true;
    this.#stop();
  }

  #keep(chunk: Buffer): void {
    if (this.#tarLeft < 0) return;
    this.#tarLeft -= chunk.length;
    if (this.#tarLeft >= 0) this.#tar.push(chunk);
    else this.#stop();
  }
}

/** How many bytes at the end of `all` could be the start of the marker. */
function startOf(marker: Buffer, all: Buffer): number {
  for (let size = Math.min(marker.length - 1, all.length); size > 0; size -= 1) {
    if (marker.subarray(0, size).equals(all.subarray(all.length - size))) return size;
  }
  return 0;
}

/** Output as text where it is text that Postgres stores (UTF-8 without NUL), else as base64. */
export function asText(bytes: Buffer): { text: string; encoding: 'utf8' | 'base64' } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.includes('\0')) return { text, encoding: 'utf8' };
  } catch {
    // Not UTF-8.
  }
  return { text: bytes.toString('base64'), encoding: 'base64' };
}
