import { stringify } from 'csv-stringify/sync';
import type { ReportRow } from '../approvals/index.ts';

/**
 * The requests of a report as a table (RFC 4180), for a spreadsheet. Names and comments are people's: what a spreadsheet
 * would take for a formula gets an apostrophe in front.
 * Source: https://owasp.org/www-community/attacks/CSV_Injection
 */
export function reportCsv(rows: readonly ReportRow[]): string {
  const table = rows.map(({ id, tool, title, requester, asked, rules, state, decided, votes }) => [
    id,
    asked.toISOString(),
    title,
    tool,
    requester,
    rules.join(' '),
    state,
    decided?.toISOString() ?? '',
    decided ? Math.round((decided.getTime() - asked.getTime()) / 1000) : '',
    votes.map(({ by, verdict, channel }) => `${by}: ${verdict} (${channel})`).join('; '),
    votes.flatMap(({ comment }) => comment ?? []).join('; '),
  ]);
  return stringify([columns, ...table], { escape_formulas: true, record_delimiter: 'windows' });
}

const columns = [
  'request',
  'asked at',
  'title',
  'tool',
  'asked by',
  'rules',
  'outcome',
  'decided at',
  'seconds',
  'votes',
  'comments',
];
