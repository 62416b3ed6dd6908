import type { Logger } from './config/index.ts';
import type { Policy } from './policy/index.ts';
import type { Check } from './server/index.ts';
import type { People } from './sessions/index.ts';

/** A file that can be read again while the gateway runs. Where it is broken, `reload` throws and the last good stays. */
interface Readable {
  reload(): Promise<void>;
}

/** Reads the policy files again, each for itself, and remembers what is wrong with which. */
export interface Reloader {
  /** Never throws; two at once follow each other. */
  reload(): Promise<void>;
  /** For `/readyz`: ok, or a warning with the file, the line and the reason. */
  check(name: string): Check;
}

/**
 * Approval classes name the groups of people.yaml, so each is held against the other as they will be: a group may move
 * into both files at once, and neither comes into use with a group that would be empty.
 */
export function together(
  policy: Pick<Policy, 'reload' | 'checkPeople'>,
  people: Pick<People, 'read' | 'use' | 'byGroups' | 'get'>,
): { policy: Readable; people: Readable } {
  return {
    policy: {
      async reload() {
        // What is wrong with people.yaml itself is told in its own turn.
        await policy.reload(await people.read().catch(() => people));
      },
    },
    people: {
      async reload() {
        const draft = await people.read();
        policy.checkPeople(draft);
        await people.use(draft);
      },
    },
  };
}

/** @param files by the name that `/readyz` shows */
export function createReloader(
  files: Record<string, Readable>,
  log: Pick<Logger, 'error' | 'info'>,
): Reloader {
  const wrong = new Map<string, string>();
  let last: Promise<void> = Promise.resolve();

  async function readAll(): Promise<void> {
    for (const [name, file] of Object.entries(files)) {
      try {
        await file.reload();
        wrong.delete(name);
      } catch (error) {
        const reason = error instanceof Error ? error.message : 'unknown';
        wrong.set(name, reason);
        log.error({ err: error, file: name }, 'a reload was refused; the last good one stays');
      }
    }
    log.info({ refused: [...wrong.keys()] }, 'the policy files were read again');
  }

  return {
    reload: () => (last = last.then(readAll)),
    check(name) {
      const reason = wrong.get(name);
      return reason === undefined
        ? { state: 'ok' }
        : { state: 'warn', text: `It was not reloaded; the last good one stays. ${reason}` };
    },
  };
}
