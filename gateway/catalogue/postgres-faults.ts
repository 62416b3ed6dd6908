import type { FoundFault } from './faults.ts';
import type { ToolFile } from './schema.ts';

const truncates = /\btruncate\b/i;

/** What is wrong with a Postgres tool between its fields. */
export function postgresFaults({ connector, secret, args, risk, preview }: ToolFile): FoundFault[] {
  if (connector.kind !== 'postgres' && connector.kind !== 'postgres-query') return [];
  const faults: FoundFault[] = [];
  if (!secret) {
    faults.push({
      where: ['connector'],
      field: 'secret',
      fault: 'name the secret that holds the connection URL',
      remedy: 'Write secret: tickets/postgres, and set it with gatehouse secret set.',
    });
  }
  if (connector.kind === 'postgres') {
    const counts = connector.maxChangedRows !== undefined || (preview && 'dryRun' in preview);
    if (counts && truncates.test(connector.statement)) {
      faults.push({
        where: ['connector', 'statement'],
        fault: 'rows that truncate removes are not counted',
        remedy: 'Write delete from, whose rows are.',
      });
    }
    return faults;
  }
  if (args.properties[connector.sql]?.type !== 'string' || !args.required.includes(connector.sql)) {
    faults.push({
      where: ['connector'],
      field: 'connector.sql',
      fault: `\`${connector.sql}\` is no required text among the arguments`,
      remedy: `Declare ${connector.sql}: { type: string, maxLength: 4000 } and require it, or name the argument.`,
    });
  }
  if (risk !== 'read') {
    faults.push({ where: ['risk'], fault: 'a free query only reads', remedy: 'Write risk: read.' });
  }
  return faults;
}
