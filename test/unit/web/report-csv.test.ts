import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReportRow } from '../../../gateway/approvals/index.ts';
import { reportCsv } from '../../../gateway/web/report-csv.ts';

const row = (comment: string, display = 'Alex'): ReportRow => ({
  id: 'dec_1',
  tool: 'ledger.transfer',
  title: 'Payment',
  requester: display,
  asked: new Date('2026-01-01T10:00:00Z'),
  rules: ['payment_needs_approval', 'two_approvers'],
  state: 'approved',
  decided: new Date('2026-01-01T10:01:30Z'),
  votes: [{ by: display, verdict: 'approve', channel: 'web', comment }],
});
/** The cells of a row without line breaks in it. */
const cells = (csv: string): string[] =>
  [...(csv.split('\r\n')[1] ?? '').matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );

for (const begin of ['=', '+', '-', '@', '\t', '\r', '\uFF1D', '\uFF0B', '\uFF0D', '\uFF20']) {
  test(`no cell begins with ${JSON.stringify(begin)}, whoever wrote it`, () => {
    const found = cells(reportCsv([row(`${begin}1+1`, `${begin}cmd|' /C calc'!A0`)]));
    assert.equal(found.length, 11);
    for (const cell of found) assert.doesNotMatch(cell, /^[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/);
    assert.equal(found[10], `'${begin}1+1`);
  });
}

test('quotes, commas and line breaks stay inside their cell', () => {
  const csv = reportCsv([row('no, "never"\n=1')]);
  assert.ok(csv.endsWith(',"no, ""never""\n=1"\r\n'), csv);
});

test('a request that waits has no end', () => {
  const [, line = ''] = reportCsv([{ ...row(''), state: 'pending', decided: null, votes: [] }]).split('\r\n');
  assert.match(line, /,payment_needs_approval two_approvers,pending,,,,$/);
});
