import { test } from 'node:test';
import { holds, type Case } from './rule-bench.ts';

const mail = `name: mail.send
title: Mail
description: Sends a mail.
risk: outbound
args:
  type: object
  properties:
    to: { type: string, maxLength: 2000 }
    cc: { type: string, maxLength: 2000 }
    text: { type: string, maxLength: 2000 }
  required: [to, text]
  additionalProperties: false
kinds: { to: redirects, cc: redirects, text: content }
sentence: Mail {to}
done: Mailed.
idempotencyKey: none
connector: { kind: gatehouse, action: help }
`;
const classes = `classes:
  payment:
    groups: [approvers]
    quorum: 1
    from: [{ currency: EUR, amount: '1000.00', quorum: 2 }]
    roles: [member, buyer]
    unasked: { upTo: [{ currency: EUR, amount: '50.00' }], roles: [buyer] }
    firstTime: { quorum: 2 }
  outbound:
    groups: [approvers]
    quorum: 1
    unasked: { recipients: 2 }
    blast: { recipients: 10, quorum: 3 }
  prod_write: { groups: [approvers], quorum: 2 }
  access: { groups: [approvers], quorum: 1, roles: [admin] }
  delete: { groups: [approvers], quorum: 1, confirmIn: [development] }
  code:
    groups: [approvers]
    quorum: 1
    hours: { days: [mon, tue, wed, thu, fri], from: '08:00', to: '18:00', zone: Europe/Vienna, otherwise: deny }
  write:
    groups: [approvers]
    quorum: 1
    hours: { days: [mon, tue, wed, thu, fri, sat, sun], from: '06:00', to: '24:00', otherwise: ask }
`;
const accessTool = mail
  .replace('name: mail.send', 'name: team.add')
  .replace('risk: outbound', 'risk: access');
const files = { 'approvals.yaml': classes, 'tools/mail.send.yaml': mail, 'tools/team.add.yaml': accessTool };

const words = ['a@acme.example', 'b@acme.example', 'a@acme.example;c@acme.example'];
const as = (...roles: string[]): Case['run'] => ({
  actor: { principal: 'requester', display: 'Robin', roles, groups: [], standing: 'member' },
  words: ['50.00', '50.01', '1.00', 'EUR', 'USD', 'ACME', ...words, '7'],
});
const pay = (amount: string, currency = 'EUR'): Case['call'] => [
  'ledger.transfer',
  { amount, currency, payee: 'ACME', reference: 'r' },
];
const send = (to: string, cc?: string): Case['call'] => ['mail.send', { to, text: 'hi', ...(cc && { cc }) }];
const many = (count: number): string =>
  Array.from({ length: count }, (_value, at) => `p${at}@acme.example`).join(',');
const sends = 'outbound_needs_approval';
const pays = 'payment_needs_approval';
const unvouched = 'value_not_from_requester';

const table: Case[] = [
  {
    says: 'a small payment by a buyer to a known payee asks nobody',
    run: as('buyer'),
    call: pay('50.00'),
    effect: 'allow',
    codes: ['small_enough'],
  },
  {
    says: 'one cent more asks',
    run: as('buyer'),
    call: pay('50.01'),
    effect: 'approve',
    codes: [pays],
    quorum: 1,
  },
  { says: 'another role asks', run: as('member'), call: pay('50.00'), effect: 'approve', codes: [pays] },
  {
    says: 'a small amount of another currency asks two',
    run: as('buyer'),
    call: pay('1.00', 'USD'),
    effect: 'approve',
    codes: [pays, 'two_approvers_currency'],
    quorum: 2,
  },
  {
    says: 'a small payment to a new payee asks, and two',
    run: as('buyer'),
    call: pay('1.00'),
    facts: { firstTime: ['payee'] },
    effect: 'approve',
    codes: [pays, 'first_time_recipient'],
    quorum: 2,
  },
  {
    says: 'a small payment runs in a session that read untrusted text, too: the buyer typed whom and how much',
    run: as('buyer'),
    call: pay('1.00'),
    facts: { session: { tainted: true } },
    effect: 'allow',
    codes: ['small_enough'],
  },
  {
    says: 'a small payment to a payee that the buyer did not name is confirmed by them',
    run: { ...as('buyer'), words: ['1.00', 'EUR'] },
    call: pay('1.00'),
    effect: 'confirm',
    codes: [unvouched],
  },
  {
    says: 'a role that may not ask for payments is refused',
    run: as('intern'),
    call: pay('1.00'),
    effect: 'deny',
    codes: ['role_may_not_ask'],
  },
  {
    says: 'an access change by a member is refused',
    run: as('member'),
    call: ['team.add', { to: 'a@acme.example', text: 'hi' }],
    effect: 'deny',
    codes: ['role_may_not_ask'],
  },
  {
    says: 'an access change by an admin asks',
    run: as('admin'),
    call: ['team.add', { to: 'a@acme.example', text: 'hi' }],
    effect: 'approve',
    codes: ['access_needs_approval'],
    quorum: 1,
  },
  {
    says: 'a mail to two known recipients asks nobody',
    run: as('member'),
    call: send('a@acme.example', 'b@acme.example'),
    effect: 'allow',
    codes: ['small_enough'],
  },
  {
    says: 'a mail to three asks',
    run: as('member'),
    call: send('a@acme.example;c@acme.example', 'b@acme.example'),
    effect: 'approve',
    codes: [sends],
    quorum: 1,
  },
  {
    says: 'a mail to nine new ones asks one',
    run: { ...as('member'), words: [many(9)] },
    call: send(many(9)),
    facts: { firstTime: ['to'] },
    effect: 'approve',
    codes: [sends],
    quorum: 1,
  },
  {
    says: 'a mail to ten is a blast and asks three',
    run: { ...as('member'), words: [many(10)] },
    call: send(many(10)),
    effect: 'approve',
    codes: [sends, 'many_recipients'],
    quorum: 3,
  },
  {
    says: 'one recipient and nine copies are a blast too',
    run: { ...as('member'), words: ['a@acme.example', many(9)] },
    call: send('a@acme.example', many(9)),
    effect: 'approve',
    codes: [sends, 'many_recipients'],
    quorum: 3,
  },
  {
    says: 'a small mail after personal records were read asks',
    run: as('member'),
    call: send('a@acme.example'),
    facts: { session: { classesRead: ['personal'] } },
    effect: 'approve',
    codes: ['read_then_send'],
    quorum: 1,
  },
  {
    says: 'a small mail after internal records were read does not',
    run: as('member'),
    call: send('a@acme.example'),
    facts: { session: { classesRead: ['public', 'internal'] } },
    effect: 'allow',
    codes: ['small_enough'],
  },
  {
    says: 'a delete in development is confirmed by the requester alone',
    run: as('member'),
    call: ['customers.delete', { customer: '7' }],
    environment: 'development',
    effect: 'confirm',
    codes: ['confirm_outside_production'],
  },
  ...(['staging', 'production'] as const).map((environment) => ({
    says: `a delete in ${environment} asks somebody else`,
    run: as('member'),
    call: ['customers.delete', { customer: '7' }] as Case['call'],
    environment,
    effect: 'approve',
    codes: ['delete_needs_approval'],
  })),
  ...(
    [
      ['2026-03-04T07:00:00Z', true, '08:00 in winter'],
      ['2026-03-04T06:59:59Z', false, 'a second before'],
      ['2026-03-04T16:59:59Z', true, 'a second before 18:00'],
      ['2026-03-04T17:00:00Z', false, '18:00'],
      ['2026-07-01T06:00:00Z', true, '08:00 in summer'],
      ['2026-03-07T10:00:00Z', false, 'a Saturday'],
      // Sunday by UTC, Monday in Vienna, and before eight.
      ['2026-03-08T23:30:00Z', false, 'a Monday after midnight'],
    ] as const
  ).map(([now, open, when]) => ({
    says: `code at ${when} ${open ? 'asks' : 'is refused'}`,
    run: as('member'),
    call: ['code.run', { language: 'shell', code: 'ls' }] as Case['call'],
    now,
    effect: open ? 'approve' : 'deny',
    codes: open ? ['code_needs_approval'] : ['outside_hours'],
  })),
  {
    says: 'a write outside its hours asks',
    run: as('member'),
    call: ['gatehouse.cancel', {}],
    now: '2026-03-04T05:59:59Z',
    effect: 'approve',
    codes: ['outside_hours'],
    quorum: 1,
  },
  {
    says: 'a write within its hours runs',
    run: as('member'),
    call: ['gatehouse.cancel', {}],
    now: '2026-03-04T06:00:00Z',
    effect: 'allow',
    codes: ['write_allowed'],
  },
  {
    says: 'a write at the end of a day that ends at 24:00 runs',
    run: as('member'),
    call: ['gatehouse.cancel', {}],
    now: '2026-03-04T23:59:59Z',
    effect: 'allow',
    codes: ['write_allowed'],
  },
];
for (const row of table) test(row.says, (context) => holds(context, files, row));
