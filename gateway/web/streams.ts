import type { Response } from 'express';
import { setTimeout as sleep } from 'node:timers/promises';

interface Stream {
  principal: string;
  stop(): void;
  wake(): void;
}

/** What a look found: the fragment to send, or nothing, and how many milliseconds later to look by itself. */
interface Look {
  html: string;
  nextMs: number;
}

const maxStreamsEach = 10;

/** Server-sent events of open pages: each looks again when it is woken and now and then, and sends what it found. */
export class Streams {
  readonly #restMs: number;
  readonly #streams = new Set<Stream>();

  /** @param restMs the shortest time between two looks of one page, however often it is woken */
  constructor(restMs = 0) {
    this.#restMs = restMs;
  }

  /** Looks again for this person's pages, or for all of them when `principal` is empty. */
  wake(principal: string): void {
    for (const stream of this.#streams) if (principal === '' || stream.principal === principal) stream.wake();
  }

  /** Ends every stream; browsers come back by themselves. */
  stop(): void {
    for (const stream of this.#streams) stream.stop();
  }

  /** Serves one stream until the page goes away or `valid` says that its session ended. */
  async serve(
    principal: string,
    response: Response,
    valid: () => Promise<boolean>,
    look: () => Promise<Look>,
  ): Promise<void> {
    const own = [...this.#streams].filter((stream) => stream.principal === principal);
    // A browser that leaks streams loses its oldest, not its newest.
    if (own.length >= maxStreamsEach) own[0]?.stop();
    response.set({ 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
    response.flushHeaders();
    let open = true;
    let wake = (): void => undefined;
    let dirty = true;
    const stream: Stream = {
      principal,
      stop: () => response.end(),
      wake: () => {
        dirty = true;
        wake();
      },
    };
    this.#streams.add(stream);
    response.once('close', () => {
      open = false;
      this.#streams.delete(stream);
      wake();
    });
    while (open) {
      dirty = false;
      const { html, nextMs } = await look();
      // Asked after the look: what was found while its session ended is not sent any more.
      if (!(await valid())) {
        response.end();
        return;
      }
      if (open) response.write(html === '' ? ': still here\n\n' : event(html));
      if (this.#restMs > 0) await sleep(this.#restMs);
      if (dirty) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, nextMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (!open || dirty) wake();
      });
    }
  }
}

/** One `update` event; each line of the fragment is a data line of its own. */
function event(html: string): string {
  return `event: update\n${html
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('')}\n`;
}
