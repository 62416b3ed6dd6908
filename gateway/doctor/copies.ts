import type { Copy, CopyRow } from '../vault/index.ts';
import { note, ok, warn, type Finding } from './finding.ts';

const again = 'npx gatehouse n8n sync-credentials --n8n URL, with --watch where nothing else runs it in time';

/**
 * Each secret that n8n's database holds: an exception from that it holds none.
 * @param copies what n8n-credentials.yaml declares
 * @param rows what was written, as Postgres has it
 */
export function copiesFindings(copies: readonly Copy[], rows: readonly CopyRow[], now: Date): Finding[] {
  if (copies.length === 0 && rows.length === 0) return [ok('copies', 'No secret is copied into n8n.')];
  const unwritten = copies.filter(({ name }) => !rows.some((row) => row.name === name));
  return [
    ...rows.map((row) => findingOf(row, copies, now)),
    ...unwritten.map(({ name, secret }) =>
      warn('copies', `The credential "${name}" with the secret ${secret} was never written to n8n.`, again),
    ),
  ];
}

function findingOf(row: CopyRow, copies: readonly Copy[], now: Date): Finding {
  const { n8n, name, secret, mark, good_until: until, due_at: due } = row;
  const copied = `The secret ${secret} is copied into n8n's database at ${n8n} (credential "${name}")`;
  if (!copies.some((copy) => copy.name === name))
    return warn('copies', `${copied}, and is not declared any more.`, again);
  if (mark === null) return warn('copies', `${copied}, or may be: its last writing failed.`, again);
  if (until <= now)
    return warn('copies', `${copied}, and is overdue: it was good until ${minute(until)}.`, again);
  if (due <= now)
    return warn('copies', `${copied} until ${minute(until)}, and is overdue since ${minute(due)}.`, again);
  return note('copies', `${copied} until ${minute(until)}.`, 'policies/n8n-credentials.yaml declares it.');
}

const minute = (time: Date): string => `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
