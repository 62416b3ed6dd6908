import { z } from 'zod';
import type { Logger } from '../../../config/index.ts';
import { refusal } from '../refusals.ts';
import type { Borrowed } from '../store.ts';
import type { Session } from './session.ts';

/** What the database engine answers to the read of a role. */
export const Credentials = z.object({
  lease_id: z.string().min(1),
  lease_duration: z.number().positive(),
  renewable: z.boolean(),
  data: z.object({ username: z.string().min(1), password: z.string().min(1) }),
});

/** How soon what failed is tried again. */
const againMs = 2000;

/** Users of a database that a Vault makes for one call each. */
export interface DynamicUsers {
  /** @param at.url what the caller gets, with `{username}` and `{password}` put in, URL-encoded */
  lend(at: { mount: string; role: string; url: string }): Promise<Borrowed>;
  /** Stops trying to end what is left; its session ends it. */
  close(): void;
}

/**
 * Each user lives as long as its call: its lease is renewed while the call runs and revoked at the call's end. A
 * revocation that fails is tried again until the lease ends by itself.
 */
export function createDynamicUsers(parts: {
  store: string;
  session: Session;
  log: Pick<Logger, 'warn'>;
}): DynamicUsers {
  const { store, session, log } = parts;
  const timers = new Set<NodeJS.Timeout>();
  const later = (ms: number, work: () => Promise<void>): NodeJS.Timeout => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      void work();
    }, ms).unref();
    timers.add(timer);
    return timer;
  };

  const revoke = async (lease: string, until: number): Promise<void> => {
    try {
      await session.call({ method: 'PUT', path: 'sys/leases/revoke', body: { lease_id: lease, sync: true } });
    } catch (error) {
      if (Date.now() >= until) return;
      log.warn({ err: error, store }, 'a user that was made for a call could not be removed yet');
      later(againMs, () => revoke(lease, until));
    }
  };

  return {
    async lend({ mount, role, url }) {
      const answer = await session.call({ method: 'GET', path: `${mount}/creds/${role}` });
      const parsed = Credentials.safeParse(answer);
      if (!parsed.success) throw refusal(store, 'odd');
      const { lease_id: lease, lease_duration: seconds, renewable, data } = parsed.data;
      let until = Date.now() + seconds * 1000;
      let renewal: NodeJS.Timeout | undefined;
      const renew = async (): Promise<void> => {
        try {
          await session.call({
            method: 'PUT',
            path: 'sys/leases/renew',
            body: { lease_id: lease, increment: seconds },
          });
          until = Date.now() + seconds * 1000;
          renewal = later(seconds * 500, renew);
        } catch (error) {
          log.warn({ err: error, store }, 'the user of a running call could not be kept');
          if (Date.now() < until) renewal = later(Math.min(againMs, seconds * 100), renew);
        }
      };
      if (renewable) renewal = later(seconds * 500, renew);
      let back: Promise<void> | undefined;
      return {
        value: filled(url, data),
        giveBack() {
          if (renewal) {
            clearTimeout(renewal);
            timers.delete(renewal);
          }
          back ??= revoke(lease, until);
          return back;
        },
      };
    },
    close() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}

/** A URL with a user put in. */
export const filled = (url: string, { username, password }: { username: string; password: string }): string =>
  url
    .replace('{username}', () => encodeURIComponent(username))
    .replace('{password}', () => encodeURIComponent(password));
