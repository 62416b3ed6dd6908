import { Counter } from 'prom-client';
import { recordReceipts } from '../../audit/index.ts';
import { GatehouseError, type Logger } from '../../config/index.ts';
import { transaction, whileAlone, type Pool } from '../../db/index.ts';
import type { Box } from '../box.ts';
import type { Secrets } from '../stores/open.ts';
import { cannotRotate } from './failures.ts';
import type { Rotate } from './plan.ts';
import { rotatorOf } from './rotators.ts';
import type { Rotator } from './rotator.ts';
import {
  dropCandidate,
  keepCandidate,
  overlapIsOver,
  recordFailure,
  recordRetired,
  recordSwitch,
  rowOf,
} from './state.ts';

/** A rotation that was carried out. */
export interface Rotated {
  version: number;
  /** How long the former value stays good at least; 0 where its store ended it. */
  overlapMs: number;
}

/** A rotation that failed. It holds no value, and nothing that a system said. */
export interface RotationFailure {
  secret: string;
  /** Principal of its owner, where secrets.yaml names one. */
  owner: string | undefined;
  since: Date;
  text: string;
}

/** Replaces secrets when their time comes, or when they are asked to. */
export interface Rotations {
  /**
   * Rotates one now.
   * @throws GatehouseError `GH-VAULT-008` for one that is not set, `GH-VAULT-025` for one that cannot be now, `GH-VAULT-026`
   *   where its system does not take the new value, `GH-VAULT-027` for a program that fails; the former value stays in use
   */
  rotate(name: string): Promise<Rotated>;
  /** Stores the next value of a secret that its vendor replaced while it was used. */
  replaced(name: string, value: string): Promise<void>;
  /** Ends overlaps that are over, finishes what a crash interrupted, rotates what is due. Never throws. */
  look(): Promise<void>;
  /** Looks now and then each minute. @returns ends that */
  start(): () => Promise<void>;
}

const outcomes = new Counter({
  name: 'gatehouse_secret_rotations_total',
  help: 'Rotations of secrets by how they ended',
  labelNames: ['outcome'],
});

const everyMs = 60_000;

/**
 * A new value is kept, sealed, before it is made valid, proven before it is used, and only then does it become the current
 * version; the former one is ended when the overlap's time is over and the last lease that may hold it has ended. So each
 * step can be repeated after a crash, and there is always one stored value that works.
 * @param parts.alarm told of each failure for which somebody can do something
 */
export function createRotations(parts: {
  pool: Pool;
  secrets: Secrets;
  box: Box;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
  alarm?: (failure: RotationFailure) => Promise<void>;
}): Rotations {
  const { pool, secrets, box, log, alarm } = parts;
  const about = (name: string): string => `rotation ${name}`;
  const planOf = (name: string): Rotate | undefined =>
    secrets.routes.rotations().find((entry) => entry.name === name)?.rotate;
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

  const now = async (name: string, plan: Rotate): Promise<Rotated> => {
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
    outcomes.inc({ outcome: 'rotated' });
    log.info({ secret: name, version: rotated.version }, 'a secret was rotated');
    return rotated;
  };

  const failed = async (name: string, plan: Rotate, error: unknown): Promise<void> => {
    outcomes.inc({ outcome: 'failed' });
    const code = error instanceof GatehouseError ? error.code : 'GH-INTERNAL-001';
    const { failures, since } = await recordFailure(pool, name, code);
    log.error(
      { err: shown(error), secret: name, failures },
      'a secret could not be rotated; the former value stays',
    );
    const text =
      error instanceof GatehouseError ? error.message : 'It failed for a reason that is not known.';
    await alarm?.({ secret: name, owner: plan.owner, since, text });
  };

  const due = async (name: string, plan: Rotate): Promise<boolean> => {
    const row = await rowOf(pool, name);
    if (row?.next_try && row.next_try.getTime() > Date.now()) return false;
    if (row?.candidate != null) return true;
    if (row?.former_version != null) return false;
    const since = row?.rotated_at ?? (await madeAt(name));
    return since !== undefined && since.getTime() + plan.every <= Date.now();
  };
  const madeAt = async (name: string): Promise<Date | undefined> => {
    const info = await secrets.describe(name);
    return info && new Date(info.updatedAt);
  };

  const lookAt = async (name: string, plan: Rotate): Promise<void> => {
    try {
      await whileAlone(pool, `secret rotation ${name}`, async () => {
        try {
          const row = await rowOf(pool, name);
          if (!row?.next_try || row.next_try.getTime() <= Date.now()) await retire(name, plan);
          if (await due(name, plan)) await now(name, plan);
        } catch (error) {
          await failed(name, plan, error);
        }
      });
    } catch (error) {
      log.warn({ err: shown(error), secret: name }, 'the rotation of a secret could not be looked at');
    }
  };

  const look = async (): Promise<void> => {
    for (const { name, rotate } of secrets.routes.rotations()) await lookAt(name, rotate);
  };

  return {
    look,
    async rotate(name) {
      const plan = planOf(name);
      if (!plan)
        throw cannotRotate(
          `secrets.yaml does not say how ${name} is rotated.`,
          `Add rotate to its entry, or make a new value at its system and run gatehouse secret set ${name}.`,
        );
      const alone = await whileAlone(pool, `secret rotation ${name}`, async () => {
        try {
          return await now(name, plan);
        } catch (error) {
          // An overlap that lasts, or a value that is not set, is no failure of the rotation.
          const { code } = error as { code?: string };
          if (code !== 'GH-VAULT-025' && code !== 'GH-VAULT-008') await failed(name, plan, error);
          throw error;
        }
      });
      if (alone) return alone.done;
      throw cannotRotate(`${name} is being rotated by another process.`, 'Look with gatehouse secret list.');
    },
    async replaced(name, value) {
      const before = await versionOf(name);
      const { version } = await secrets.set(name, value);
      await transaction(pool, async (tx) => {
        await recordSwitch(tx, name, { version, former: null, overlapMs: 0 });
        recordReceipts(tx, [{ kind: 'secret.rotated', facts: { secret: name, version, former: before } }]);
      });
    },
    start() {
      let timer: NodeJS.Timeout | undefined;
      let stopped = false;
      let looking: Promise<void> = Promise.resolve();
      const next = (ms: number): void => {
        timer = setTimeout(() => {
          looking = look().then(() => {
            // Several gateways do not look at the same moment.
            if (!stopped) next(everyMs * (0.75 + Math.random() / 2));
          });
        }, ms);
      };
      next(0);
      return async () => {
        stopped = true;
        clearTimeout(timer);
        await looking;
      };
    },
  };
}

/** What a log may hold of an error: drivers and programs quote what they were given. */
const shown = (error: unknown): unknown =>
  error instanceof GatehouseError
    ? { code: error.code, message: error.message }
    : { code: (error as { code?: unknown }).code ?? 'unknown' };

const notSet = (name: string): GatehouseError =>
  new GatehouseError('GH-VAULT-008', `The secret ${name} is not set.`, {
    status: 409,
    next: `Run gatehouse secret set ${name}.`,
  });
