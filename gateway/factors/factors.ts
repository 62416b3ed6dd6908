import { transaction, type Pool } from '../db/index.ts';
import type { Box } from '../vault/index.ts';
import { announce, checkSession, take } from './changes.ts';
import type { FactorDeps } from './deps.ts';
import { addCode, addPasskey, startCode, startPasskey } from './enrolment.ts';
import { relyingParty } from './passkeys.ts';
import { challenge, proveByCode, proveByPasskey } from './proofs.ts';
import { refusals } from './refusals.ts';
import { factorsOf, heldNow, lockPerson, shown } from './store.ts';
import { Tries } from './tries.ts';
import type { FactorNews, Factors, SessionStanding } from './types.ts';

/** @param options.publicUrl the address that people see; passkeys belong to it */
export function createFactors(options: { pool: Pool; box: Box; publicUrl: string }): Factors {
  const { pool, box, publicUrl } = options;
  const deps: FactorDeps = {
    pool,
    box,
    party: relyingParty(publicUrl),
    tries: new Tries(pool),
    host: new URL(publicUrl).hostname,
  };
  return {
    passkeys: deps.party !== null,
    list: async (principal) => (await factorsOf(pool, principal)).map(shown),
    challenge: (principal, purpose) => challenge(deps, principal, purpose),
    prove: (principal, purpose, proof) =>
      'code' in proof
        ? proveByCode(deps, principal, purpose, proof.code)
        : proveByPasskey(deps, principal, purpose, proof.assertion),
    startPasskey: (person, session) => startPasskey(deps, person, session),
    addPasskey: (principal, session, made) => addPasskey(deps, principal, session, made),
    startCode: (principal, session) => startCode(deps, principal, session),
    addCode: (principal, session, made) => addCode(deps, principal, session, made),
    remove: (principal, session, id) => remove(pool, principal, session, id),

    async holds(db, principal, authenticator) {
      const { rows } = await db.query<{ held: boolean }>(`select ${heldNow('$1', '$2')} as held`, [
        principal,
        authenticator,
      ]);
      return rows[0]?.held === true;
    },

    async takeNews(tx) {
      const { rows } = await tx.query<FactorNews>(
        `delete from factor_news where id in (select id from factor_news order by id limit 50 for update skip locked)
         returning principal, what, kind, label, votes_from as "votesFrom"`,
      );
      return rows;
    },
  };
}

function remove(pool: Pool, principal: string, session: SessionStanding, id: string): Promise<void> {
  return transaction(pool, async (tx) => {
    await lockPerson(tx, principal);
    const row = (await factorsOf(tx, principal)).find((one) => one.id === id);
    if (!row) throw refusals.unknown();
    // Whoever added one that waits may not be its person; taking it away gives nobody anything.
    if (row.mayVote || !session.fresh) await checkSession(tx, principal, session);
    await take(tx, [id]);
    await announce(tx, { principal, what: 'removed', by: principal }, row);
  });
}

/**
 * Takes all factors of a person away: the way back for somebody who lost them.
 * @param by the operator, for the receipt
 * @returns how many
 * @throws GatehouseError `GH-FACTOR-010` where there are none
 */
export function resetFactors(pool: Pool, principal: string, by: string): Promise<number> {
  return transaction(pool, async (tx) => {
    await lockPerson(tx, principal);
    const rows = await factorsOf(tx, principal);
    if (rows.length === 0) throw refusals.unknown();
    await take(
      tx,
      rows.map((row) => row.id),
    );
    await announce(tx, { principal, what: 'reset', by }, null);
    return rows.length;
  });
}
