import { recordReceipts } from '../../audit/index.ts';
import { GatehouseError, type Logger } from '../../config/index.ts';
import { transaction, type Pool } from '../../db/index.ts';
import type { Box } from '../box.ts';
import type { Secrets } from '../stores/open.ts';
import { cannotRotate } from './failures.ts';
import type { Rotate } from './plan.ts';
import { rotatorOf } from './rotators.ts';
import type { Rotator } from './rotator.ts';
import { dropCandidate, keepCandidate, overlapIsOver, recordRetired, recordSwitch, rowOf } from './state.ts';

/** A rotation that was carried out. */
export interface Rotated {
  version: number;
  /** How long the former value stays good at least; 0 where its store ended it. */
  overlapMs: number;
}

/** The steps of one rotation. Whoever calls them is alone with the secret. */
export interface Steps {
  /** Ends the former value, once its overlap is over. */
  retire(name: string, plan: Rotate): Promise<void>;
  /** Replaces the value, after what is left of the rotation before. @throws GatehouseError as `Rotations.rotate` */
  rotate(name: string, plan: Rotate): Promise<Rotated>;
  /** Stores a value that its vendor gave. */
  replaced(name: string, value: string): Promise<void>;
}

/**
 * A new value is kept, sealed, before it is made valid, proven before it is used, and only then does it become the current
 * version; the former one is ended when the overlap's time is over and the last lease that may hold it has ended. So each
 * step can be repeated after a crash, and there is always one stored value that works.
 */
export function createSteps(parts: {
  pool: Pool;
  secrets: Secrets;
  box: Box;
  log: Pick<Logger, 'info'>;
}): Steps {
  const { pool, secrets, box, log } = parts;
  const about = (name: string): string => `rotation ${name}`;
  const versionOf = async (name: string): Promise<number> => (await secrets.describe(name))?.version ?? 0;

  const proposed = async (name: string, rotator: Rotator): Promise<{ next: string; base: number }> => {
    const row = await rowOf(pool, name);
    if (row?.candidate != null)
      return { next: box.open(about(name), row.candidate), base: row.base_version ?? 0 };
    const current = await secrets.get(name);
    if (current === undefined) throw notSet(name);
    const base = await versionOf(name);
    const next = await rotator.make(current);
    if (next === current) throw cannotRotate('The new value is the former one.', 'See what makes it.');
    await keepCandidate(pool, name, { sealed: box.seal(about(name), next), base });
    return { next, base };
  };

  /** Takes a value back that its system refused, so that the next try makes another one. */
  const discard = async (name: string, rotator: Rotator, next: string): Promise<void> => {
    const current = await secrets.get(name);
    if (current === next || current === undefined) return;
    await rotator.retire({ former: next, current }).catch(() => undefined);
    await dropCandidate(pool, name);
  };

  const replace = async (name: string, plan: Rotate, rotator: Rotator): Promise<Rotated> => {
    const { next, base } = await proposed(name, rotator);
    await rotator.activate?.(next);
    try {
      await rotator.prove(next);
    } catch (error) {
      await discard(name, rotator, next);
      throw error;
    }
    let version = await versionOf(name);
    // After a crash it may be stored already.
    if ((await secrets.get(name)) !== next) {
      if (version !== base) {
        await discard(name, rotator, next);
        throw cannotRotate('The secret was set by hand meanwhile.', 'The value that was set stays in use.');
      }
      ({ version } = await secrets.set(name, next));
    }
    await transaction(pool, async (tx) => {
      await recordSwitch(tx, name, { version, former: base, overlapMs: plan.overlap });
      recordReceipts(tx, [{ kind: 'secret.rotated', facts: { secret: name, version, former: base } }]);
    });
    return { version, overlapMs: plan.overlap };
  };

  const inPlace = async (name: string, work: () => Promise<unknown>): Promise<Rotated> => {
    await work();
    const version = await versionOf(name);
    await transaction(pool, async (tx) => {
      await recordSwitch(tx, name, { version, former: null, overlapMs: 0 });
      recordReceipts(tx, [{ kind: 'secret.rotated', facts: { secret: name, version, former: null } }]);
    });
    return { version, overlapMs: 0 };
  };

  const retire = async (name: string, plan: Rotate): Promise<void> => {
    const rotator = rotatorOf(name, plan, secrets);
    const row = await rowOf(pool, name);
    if (row?.former_version == null || 'replace' in rotator || !(await overlapIsOver(pool, name))) return;
    const { former_version: version } = row;
    const current = await secrets.get(name);
    if (current === undefined) throw notSet(name);
    const alone = await rotator.retire({ former: await secrets.get(name, version), current });
    if (alone !== undefined && alone !== current) await secrets.set(name, alone);
    const now = await versionOf(name);
    await transaction(pool, async (tx) => {
      await recordRetired(tx, name, now);
      recordReceipts(tx, [{ kind: 'secret.retired', facts: { secret: name, version } }]);
    });
    log.info({ secret: name, version }, 'the former value of a secret was ended');
  };

  const rotate = async (name: string, plan: Rotate): Promise<Rotated> => {
    await retire(name, plan);
    const row = await rowOf(pool, name);
    if (row?.former_version != null)
      throw cannotRotate(
        `The former value of ${name} is still good.`,
        `Its overlap ends ${row.overlap_until?.toISOString()} at the earliest, and with the last call that has it.`,
      );
    const rotator = rotatorOf(name, plan, secrets);
    const rotated = await ('replace' in rotator
      ? inPlace(name, () => rotator.replace())
      : replace(name, plan, rotator));
    log.info({ secret: name, version: rotated.version }, 'a secret was rotated');
    return rotated;
  };

  return {
    retire,
    rotate,
    async replaced(name, value) {
      const before = await versionOf(name);
      const { version } = await secrets.set(name, value);
      await transaction(pool, async (tx) => {
        await recordSwitch(tx, name, { version, former: null, overlapMs: 0 });
        recordReceipts(tx, [{ kind: 'secret.rotated', facts: { secret: name, version, former: before } }]);
      });
    },
  };
}

const notSet = (name: string): GatehouseError =>
  new GatehouseError('GH-VAULT-008', `The secret ${name} is not set.`, {
    status: 409,
    next: `Run gatehouse secret set ${name}.`,
  });
