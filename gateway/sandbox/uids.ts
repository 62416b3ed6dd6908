/** User ids, both ends included. */
export interface UidRange {
  from: number;
  to: number;
}

/**
 * Users that no distribution gives to anybody (systemd.io/UIDS-GIDS), below the 65536 of an engine with `userns-remap`. The kernel
 * counts inotify instances, pipe memory, pending signals and files in flight by user, so each container has its own.
 */
export const defaultUids: UidRange = { from: 60_578, to: 61_183 };

/** All users are in use. */
export class NoUid extends Error {}

/** Gives each container a user of its own, and one that was given back as late as possible. */
export class Uids {
  readonly #free: number[];

  constructor({ from, to }: UidRange) {
    this.#free = Array.from({ length: to - from + 1 }, (_, at) => from + at);
  }

  /** @throws NoUid */
  take(): number {
    const uid = this.#free.shift();
    if (uid === undefined) throw new NoUid('every user of the range is in use');
    return uid;
  }

  /** Takes one back whose container is gone. */
  release(uid: number): void {
    this.#free.push(uid);
  }
}
