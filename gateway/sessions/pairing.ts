import { randomInt } from 'node:crypto';
import { recordReceipts } from '../audit/index.ts';
import { GatehouseError } from '../config/index.ts';
import { transaction, type Pool } from '../db/index.ts';
import { digest } from '../envelope/index.ts';
import type { People } from './people.ts';

/** Somebody unknown who wrote, and wants to be let in. */
export interface PendingPairing {
  code: string;
  channel: string;
  account: string;
  nativeId: string;
  display: string;
  expiresAt: Date;
}

/** Lets an administrator link a sender's immutable id to a principal, by a code that the sender reads out. */
export interface Pairing {
  /** @returns the sender's code; the same one as long as it has not expired */
  offer(sender: {
    channel: string;
    account: string;
    nativeId: string;
    display: string;
  }): Promise<{ code: string; expiresAt: Date }>;
  /**
   * Links the sender of `code` to `principal`. Each code works once.
   * @param by who confirms, for the receipt
   * @throws GatehouseError `GH-SESSIONS-002` unknown or expired code, `GH-SESSIONS-003` unknown principal,
   *   `GH-SESSIONS-004` the identity is linked already
   */
  confirm(
    code: string,
    principal: string,
    by: string,
  ): Promise<{ channel: string; account: string; nativeId: string }>;
  list(): Promise<PendingPairing[]>;
}

/** No letters or digits that are mistaken for one another when read aloud. */
const alphabet = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
const lifetime = '30 minutes';

/** @param options.people confirms only principals that exist */
export function createPairing(options: { pool: Pool; people: Pick<People, 'get'> }): Pairing {
  const { pool, people } = options;
  return {
    async offer(sender) {
      const code = newCode();
      const { rows } = await pool.query<{ code: string; expires_at: Date }>(
        `insert into pairings as p (code, channel, account, native_id, display, expires_at)
         values ($1, $2, $3, $4, $5, now() + $6::interval)
         on conflict (channel, account, native_id) do update set
           code = case when p.expires_at > now() then p.code else excluded.code end,
           expires_at = case when p.expires_at > now() then p.expires_at else excluded.expires_at end,
           display = excluded.display
         returning code, expires_at`,
        [code, sender.channel, sender.account, sender.nativeId, sender.display, lifetime],
      );
      const row = rows[0] as { code: string; expires_at: Date };
      return { code: row.code, expiresAt: row.expires_at };
    },

    async confirm(code, principal, by) {
      if (!people.get(principal)) {
        throw new GatehouseError('GH-SESSIONS-003', `people.yaml names no principal ${principal}.`, {
          field: 'principal',
          next: 'Add the person to policies/people.yaml first.',
        });
      }
      return transaction(pool, async (tx) => {
        const { rows } = await tx.query<{ channel: string; account: string; native_id: string }>(
          'delete from pairings where code = $1 and expires_at > now() returning channel, account, native_id',
          [code.trim().toUpperCase()],
        );
        const sender = rows[0];
        if (!sender) {
          throw new GatehouseError('GH-SESSIONS-002', 'This pairing code is unknown or has expired.', {
            field: 'code',
            next: 'Ask the sender to write again and to read out the new code.',
          });
        }
        const linked = await tx.query(
          `insert into identities (channel, account, native_id, principal, paired_by) values ($1, $2, $3, $4, $5)
           on conflict do nothing`,
          [sender.channel, sender.account, sender.native_id, principal, by],
        );
        if (linked.rowCount !== 1) {
          throw new GatehouseError('GH-SESSIONS-004', 'This sender is linked to a principal already.', {
            field: 'code',
          });
        }
        recordReceipts(tx, [
          {
            kind: 'pairing',
            facts: {
              channel: sender.channel,
              identity: digest([sender.account, sender.native_id]),
              principal,
              by,
            },
          },
        ]);
        return { channel: sender.channel, account: sender.account, nativeId: sender.native_id };
      });
    },

    async list() {
      await pool.query('delete from pairings where expires_at <= now()');
      const { rows } = await pool.query<PendingPairing>(
        `select code, channel, account, native_id as "nativeId", display, expires_at as "expiresAt"
         from pairings order by created_at`,
      );
      return rows;
    },
  };
}

function newCode(): string {
  return Array.from({ length: 8 }, () => alphabet[randomInt(alphabet.length)]).join('');
}
