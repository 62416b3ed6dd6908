import { Counter } from 'prom-client';
import { GatehouseError, type Logger } from '../../config/index.ts';
import { whileAlone, type Pool } from '../../db/index.ts';
import type { Box } from '../box.ts';
import type { Secrets } from '../stores/open.ts';
import { cannotRotate } from './failures.ts';
import type { Rotate } from './plan.ts';
import { recordFailure, rowOf } from './state.ts';
import { createSteps, type Rotated } from './steps.ts';

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
  const planOf = (name: string): Rotate | undefined =>
    secrets.routes.rotations().find((entry) => entry.name === name)?.rotate;
  const steps = createSteps({ pool, secrets, box, log });

  const now = async (name: string, plan: Rotate): Promise<Rotated> => {
    const rotated = await steps.rotate(name, plan);
    outcomes.inc({ outcome: 'rotated' });
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
          if (!row?.next_try || row.next_try.getTime() <= Date.now()) await steps.retire(name, plan);
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
    replaced: (name, value) => steps.replaced(name, value),
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
