import { randomInt } from 'node:crypto';
import { recordReceipts } from '../audit/index.ts';
import { GatehouseError } from '../config/index.ts';
import { transaction, type Pool, type Queryable, type Transaction } from '../db/index.ts';
import { digest } from '../envelope/index.ts';
import { recordLinks } from './identity-links.ts';
import type { Identity } from './people-file.ts';
import type { People } from './people.ts';

/** Somebody unknown who wrote, and wants to be let in. */
export interface PendingPairing {
  code: string;
  channel: string;
  account: string;
  nativeId: string;
  display: string;
  expiresAt: Date;
  /** Whom an administrator named, where that person has yet to agree with an identity that they have. */
  principal: string | null;
}

/** An identity that was linked to a person. */
export interface NewLink extends Identity {
  principal: string;
  display: string;
}

/**
 * Lets an administrator link a sender's immutable id to a principal, by a code that the sender reads out. The first
 * identity of a person needs nobody else; for a further one they are asked on an identity that they have.
 */
export interface Pairing {
  /** @returns the sender's code; the same one as long as it has not expired */
  offer(sender: {
    channel: string;
    account: string;
    nativeId: string;
    display: string;
  }): Promise<{ code: string; expiresAt: Date }>;
  /**
   * Names the person behind the sender of `code`. Each code works once.
   * @param by the administrator, for the receipt
   * @returns `linked: false` where the person has identities and is asked on them; `answer` links it then
   * @throws GatehouseError `GH-SESSIONS-002` unknown or expired code, `GH-SESSIONS-003` unknown principal,
   *   `GH-SESSIONS-004` the identity is linked already
   */
  confirm(
    code: string,
    principal: string,
    by: string,
  ): Promise<{ channel: string; account: string; nativeId: string; linked: boolean }>;
  /**
   * The answer of the person whom an administrator named, proven by an identity that they have.
   * @param by the identity that answers; it must be theirs, and old enough to vote
   * @returns what was linked, or null where they refused it
   * @throws GatehouseError `GH-SESSIONS-002` unknown, expired or of another person, `GH-SESSIONS-004` linked already,
   *   `GH-SESSIONS-006` the answering identity is too new itself
   */
  answer(tx: Transaction, code: string, by: Identity, yes: boolean): Promise<NewLink | null>;
  /** @returns the open question of this code to this person, or null */
  question(code: string, principal: string): Promise<PendingPairing | null>;
  /** Takes questions that nobody was asked yet: whoever gets one here asks it, in this transaction. */
  takeUnasked(tx: Queryable): Promise<PendingPairing[]>;
  /** Takes links of which the person's other identities were not told yet. */
  takeUntold(tx: Queryable): Promise<NewLink[]>;
  list(): Promise<PendingPairing[]>;
}

/** No letters or digits that are mistaken for one another when read aloud. */
const alphabet = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
const lifetime = '30 minutes';
/** How long a person has to answer. */
const answerTime = '24 hours';
const columns = `code, channel, account, native_id as "nativeId", display, expires_at as "expiresAt", principal`;

/** @param options.people confirms only principals that exist */
export function createPairing(options: {
  pool: Pool;
  people: Pick<People, 'get' | 'identitiesOf' | 'holder'>;
}): Pairing {
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
           display = case when p.expires_at > now() and p.principal is not null then p.display else excluded.display end,
           principal = case when p.expires_at > now() then p.principal end,
           asked_at = case when p.expires_at > now() then p.asked_at end
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
        // Of two first identities at once, the second is a further one.
        await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 1))', [principal]);
        const linked = (await people.identitiesOf(principal, tx)).length === 0;
        const sender = linked ? await take(tx, code) : await ask(tx, code, principal, by);
        if (linked) await link(tx, sender, { principal, by, agreed: null });
        const { channel, account, nativeId } = sender;
        return { channel, account, nativeId, linked };
      });
    },

    async answer(tx, code, by, yes) {
      const person = await people.holder(tx, by);
      const { rows } = await tx.query<PendingPairing & { named_by: string }>(
        `delete from pairings where code = $1 and principal = $2 and expires_at > now() and $3
         returning ${columns}, named_by`,
        [code, person?.principal ?? null, person?.mayVote ?? false],
      );
      const sender = rows[0];
      if (person && !person.mayVote) throw tooNew();
      if (!person || !sender) throw unknownCode();
      const { principal } = person;
      if (yes) await link(tx, sender, { principal, by: sender.named_by, agreed: by });
      else attest(tx, 'refused', sender, { principal, by: sender.named_by, agreed: by });
      const { channel, account, nativeId: id, display } = sender;
      return yes ? { channel, account, id, display, principal } : null;
    },

    async question(code, principal) {
      const { rows } = await pool.query<PendingPairing>(
        `select ${columns} from pairings where code = $1 and principal = $2 and expires_at > now()`,
        [code, principal],
      );
      return rows[0] ?? null;
    },

    async takeUnasked(tx) {
      const { rows } = await tx.query<PendingPairing>(
        `update pairings set asked_at = now() where code in (select code from pairings
           where principal is not null and asked_at is null and expires_at > now() limit 50 for update skip locked)
         returning ${columns}`,
      );
      return rows;
    },

    async takeUntold(tx) {
      const { rows } = await tx.query<NewLink>(
        `update identity_links set told_at = now() where (channel, account, native_id) in
           (select channel, account, native_id from identity_links where told_at is null limit 50
            for update skip locked)
         returning channel, account, native_id as id, principal, '' as display`,
      );
      return rows;
    },

    async list() {
      await pool.query('delete from pairings where expires_at <= now()');
      const { rows } = await pool.query<PendingPairing>(
        `select ${columns} from pairings order by created_at`,
      );
      return rows;
    },
  };
}

async function take(tx: Queryable, code: string): Promise<PendingPairing> {
  const { rows } = await tx.query<PendingPairing>(
    `delete from pairings where code = $1 and expires_at > now() returning ${columns}`,
    [code.trim().toUpperCase()],
  );
  if (!rows[0]) throw unknownCode();
  return rows[0];
}

/** Leaves the question for whoever speaks with people; see `takeUnasked`. */
async function ask(tx: Transaction, code: string, principal: string, by: string): Promise<PendingPairing> {
  const { rows } = await tx.query<PendingPairing>(
    `update pairings set principal = $2, named_by = $3, asked_at = null, expires_at = now() + $4::interval
     where code = $1 and expires_at > now() returning ${columns}`,
    [code.trim().toUpperCase(), principal, by, answerTime],
  );
  const sender = rows[0];
  if (!sender) throw unknownCode();
  const held = await tx.query('select 1 from identities where (channel, account, native_id) = ($1, $2, $3)', [
    sender.channel,
    sender.account,
    sender.nativeId,
  ]);
  if (held.rowCount !== 0) throw alreadyLinked();
  attest(tx, 'asked', sender, { principal, by, agreed: null });
  await tx.query(`select pg_notify('delivery_links', '')`);
  return sender;
}

interface Consent {
  principal: string;
  /** The administrator. */
  by: string;
  /** The identity that agreed or refused. */
  agreed: Identity | null;
}

async function link(tx: Transaction, sender: PendingPairing, consent: Consent): Promise<void> {
  const { channel, account, nativeId } = sender;
  const linked = await tx.query(
    `insert into identities (channel, account, native_id, principal, paired_by) values ($1, $2, $3, $4, $5)
     on conflict do nothing`,
    [channel, account, nativeId, consent.principal, consent.by],
  );
  if (linked.rowCount !== 1) throw alreadyLinked();
  await recordLinks(tx, [{ channel, account, id: nativeId, principal: consent.principal }]);
  attest(tx, 'linked', sender, consent);
}

function attest(tx: Transaction, state: string, sender: PendingPairing, consent: Consent): void {
  const { principal, by, agreed } = consent;
  recordReceipts(tx, [
    {
      kind: 'pairing',
      facts: {
        state,
        channel: sender.channel,
        identity: digest([sender.account, sender.nativeId]),
        principal,
        by,
        answeredOn: agreed?.channel ?? null,
        answeredBy: agreed && digest([agreed.account, agreed.id]),
      },
    },
  ]);
}

const unknownCode = (): GatehouseError =>
  new GatehouseError('GH-SESSIONS-002', 'This pairing code is unknown or has expired.', {
    field: 'code',
    next: 'Ask the sender to write again and to read out the new code.',
  });

const alreadyLinked = (): GatehouseError =>
  new GatehouseError('GH-SESSIONS-004', 'This sender is linked to a principal already.', { field: 'code' });

const tooNew = (): GatehouseError =>
  new GatehouseError('GH-SESSIONS-006', 'This account is too new to agree to another one.', {
    status: 403,
    next: 'Answer with an account that was linked for more than a day.',
  });

function newCode(): string {
  return Array.from({ length: 8 }, () => alphabet[randomInt(alphabet.length)]).join('');
}
