import { rotationState, type ListedSecret, type RotationRow } from '../vault/index.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

const dayMs = 86_400_000;

/**
 * What of the rotations of secrets.yaml failed, is late, or never was.
 * @param rows how far each is, as Postgres has it
 */
export function rotationFindings(
  secrets: readonly ListedSecret[],
  rows: ReadonlyMap<string, RotationRow>,
  now: Date,
): Finding[] {
  const rotated = secrets.filter(({ rotate }) => rotate !== undefined);
  const names = new Set(rotated.map(({ name }) => name));
  const left = [...rows.values()].filter((row) => !names.has(row.secret) && row.former_version !== null);
  const wrong = [
    ...rotated.flatMap((secret) => findingOf(secret, rows.get(secret.name), now)),
    ...left.map(({ secret }) =>
      warn(
        'rotation',
        `The former value of ${secret} is still good, and nothing will end it: secrets.yaml does not rotate it any more.`,
        'Put rotate back until gatehouse secret list shows no overlap, or end it at its system.',
      ),
    ),
  ];
  if (wrong.length > 0 || rotated.length === 0) return wrong;
  return [ok('rotation', `Secrets that are rotated, each in time: ${rotated.length}.`)];
}

function findingOf({ name, rotate, info }: ListedSecret, row: RotationRow | undefined, now: Date): Finding[] {
  if (!rotate || !info) return [];
  const { failedSince, failure, next, rotatedAt } = rotationState(rotate, row, info.updatedAt);
  const again = `Look at its system and at the gateway’s log, then: npx gatehouse secret rotate ${name}`;
  if (failedSince) {
    const since = failedSince.toISOString().slice(0, 16).replace('T', ' ');
    return [
      fail(
        'rotation',
        `The rotation of ${name} fails since ${since} UTC (${failure}); the former value stays in use.`,
        again,
      ),
    ];
  }
  if (!next || next.getTime() + dayMs > now.getTime()) return [];
  const days = Math.floor((now.getTime() - next.getTime()) / dayMs);
  const never = rotatedAt === null ? ' and was never rotated' : '';
  return [warn('rotation', `The secret ${name} is ${days} days overdue${never}.`, again)];
}
