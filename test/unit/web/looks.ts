import { runOf } from '../policy/support.ts';
import { editFields, paymentCard } from './cards.ts';
import type { WebStandIn } from './stand-in.ts';

const receipt = '0193fd0a-4c1e-7b12-8aaa-0123456789ab';

/** A conversation, requests and receipts of every kind. */
export async function fillForLooks(web: WebStandIn): Promise<void> {
  await web.pool.query('delete from messages');
  await web.pool.query('delete from outbox');
  const say = async (text: string, state: string, body?: unknown): Promise<void> => {
    const id = await web.addMessage('requester', text, state);
    if (body) await web.addReply('requester', id, body);
  };
  await say('/balance', 'done', {
    text: 'The balance is 48,210.55 EUR.',
    tone: 'done',
    facts: [
      { label: 'Balance', value: '48210.55 EUR' },
      { label: 'Receipt', value: receipt },
    ],
  });
  const files = [
    { name: 'invoices-2026-10.csv', bytes: 81_920 },
    {
      name: 'a-name-that-is-as-long-as-a-work-folder-takes-it-and-goes-on-over-the-end-of-a-line-on-a-phone.pdf',
      bytes: 1_400_000,
    },
  ];
  const attached = await web.addMessage('requester', 'Find the overdue invoices in these', 'done', files);
  await web.addReply('requester', attached, { text: 'ACME is overdue.', tone: 'answered' });
  await say('/export-all', 'done', {
    text: 'Exporting all customers is not allowed here. Ask for one customer by number instead.',
    tone: 'refused',
    facts: [{ label: 'Reason', value: 'outbound_denied' }],
  });
  await say('/pay 5000 EUR ACME invoice-42', 'waiting', {
    text: 'This payment needs two approvers, because it is 1000 EUR or more.',
    tone: 'waiting',
    facts: [
      { label: 'Amount', value: '5000 EUR' },
      { label: 'To', value: 'ACME' },
    ],
    link: { label: 'Open the request', url: '/approvals/dec_0193fd0a4c1e7b12' },
  });
  await say(`Summarise this: ${'lorem ipsum dolor sit amet '.repeat(80)}`, 'running');
  await say('https://example.com/' + 'a-very-long-address/'.repeat(8), 'queued');
  await web.addReply('approver-a', 'dec_0193fd0a4c1e7b12', {
    text: 'Robin Requester asks to pay 5000 EUR to ACME (new recipient).',
    tone: 'waiting',
    facts: [{ label: 'Amount', value: '5000 EUR' }],
    link: { label: 'Read and decide', url: '/approvals/dec_0193fd0a4c1e7b12' },
  });
  const closed = paymentCard({
    id: 'dec_0193fd0a4c1e7b13',
    state: 'rejected',
    mayVote: false,
    decidedAt: new Date(),
    sentence: 'Robin Requester asks to delete customer 7',
    effect: 'customer 7',
    provenance: [],
    quoted: null,
    quorum: 1,
    requester: { principal: 'approver-b', display: 'Robin Requester' },
    votes: [
      {
        principal: 'approver-a',
        display: 'Alex Approver',
        verdict: 'reject',
        comment: 'Customer 7 has open invoices.',
        channel: 'slack',
        at: new Date(),
        counted: true,
      },
    ],
  });
  web.state.questions.set('PAIR2345', {
    code: 'PAIR2345',
    channel: 'telegram',
    account: '7012345678',
    nativeId: '123456789',
    display: `Robin ${'a-very-long-name'.repeat(8)}`,
  });
  await decideForLooks(web);
  web.state.cards.clear();
  const card = paymentCard({
    quoted: 'Please pay quickly. '.repeat(100),
    requester: { principal: 'nobody', display: 'Robin Requester' },
  });
  const changed = paymentCard({
    id: 'dec_0193fd0a4c1e7b14',
    quorum: 1,
    mayAnswer: true,
    requester: { principal: 'nobody', display: 'Robin Requester' },
    edited: {
      by: 'Blake Approver',
      changes: [{ label: 'Amount', before: '6000.00', after: '5000.00' }],
    },
    questions: [
      {
        id: 'q-1',
        by: 'Alex Approver',
        question: 'Which invoice is it, and who ordered the goods?',
        at: new Date(),
        answer: 'Invoice 42 of May; purchasing ordered them.',
        answeredAt: new Date(),
      },
      {
        id: 'q-2',
        by: 'Blake Approver',
        question: 'Is it due this week?',
        at: new Date(),
        answer: null,
        answeredAt: null,
      },
    ],
    standing: { maxHours: 8, currency: 'EUR', maxAmount: '999.99' },
  });
  web.state.fields.set(changed.id, editFields);
  web.state.standing = [
    {
      id: 'standing_1',
      approvalId: changed.id,
      title: 'Pay',
      user: 'Robin Requester',
      destinations: [{ label: 'Payee', value: 'ACME' }],
      left: '70.00 of 100.00 EUR',
      grantedBy: ['Alex Approver'],
      expiresAt: new Date(Date.now() + 3_600_000),
    },
  ];
  for (const each of [card, closed, changed]) web.state.cards.set(each.id, each);
  const hash = `sha256:${'3fa1b2'.repeat(10)}abcd`;
  const kinds: [string, Record<string, unknown>][] = [
    ['envelope', { channel: 'web', principal: 'requester', digest: hash }],
    ['decision', { tool: 'ledger.transfer', effect: 'approve', digest: hash, policy: hash }],
    ['approval.requested', { groups: ['approvers'], quorum: 2 }],
    ['approval.vote', { principal: 'approver-a', verdict: 'approve', channel: 'web', shown: hash }],
    ['secret.lease', { secret: 'ledger/password' }],
    ['attempt', { attempt: 'att_0193fd0a4c1e7b12', tool: 'ledger.transfer' }],
    ['outcome', { state: 'succeeded' }],
    ['reply', { channel: 'web' }],
  ];
  web.state.receipts = kinds.map(([kind, facts], index) => ({
    id: `0193fd0a-4c1e-7b12-8aaa-00000000000${index}`,
    kind,
    facts,
    messageId: 'web:local:requester:1:0',
    decisionId: null,
    createdAt: new Date(),
    position: index < 7 ? index + 40 : null,
    hash: index < 7 ? hash : null,
  }));
  web.state.openapi = {
    info: { title: 'Gatehouse API', version: '1.0', description: 'What nodes and the CLI call.' },
    paths: {
      '/v1/decisions': {
        post: {
          summary: 'Decides a tool call',
          requestBody: {
            content: { 'application/json': { schema: { $ref: '#/components/schemas/DecisionRequest' } } },
          },
          responses: { 200: { description: 'The decision' }, 400: { description: 'A field is not usable' } },
        },
      },
    },
    components: {
      schemas: {
        DecisionRequest: {
          type: 'object',
          required: ['run', 'tool'],
          properties: {
            run: { type: 'string', description: 'the run token' },
            tool: { type: 'string' },
            args: { type: 'object' },
          },
        },
      },
    },
  };
}

/** Findings of each state, with long words and long commands. */
export function diagnoseForLooks(web: WebStandIn): void {
  const check = 'x';
  web.state.diagnosis = {
    ok: false,
    topics: [
      {
        topic: 'Files',
        findings: [
          {
            check,
            state: 'fail',
            text: 'Others than its owner may use the key /home/gatehouse/checkout/.gatehouse/secrets.key: its mode is 0644.',
            next: 'chmod 600 /home/gatehouse/checkout/.gatehouse/secrets.key',
          },
          { check, state: 'ok', text: 'Secrets opened with the key: 4 of 4.' },
        ],
      },
      {
        topic: 'Overrides',
        findings: [
          {
            check,
            state: 'warn',
            text: 'export_forbidden for all tools by approver-a is lifted, its last day is 2026-12-31: the auditors take everything with them.',
            next: 'Name the tools that need it in policies/overrides.yaml.',
          },
          {
            check,
            state: 'note',
            text: 'role_reads_only for customers.note by approver-a is lifted, its last day is 2027-03-31: the viewers write the notes.',
          },
        ],
      },
      { topic: 'Receipts', findings: [{ check, state: 'ok', text: 'No receipt waits long for its seal.' }] },
    ],
  };
}

/** A decision to explain, switches that are on, and a candidate that would decide it otherwise. */
async function decideForLooks(web: WebStandIn): Promise<void> {
  const args = { amount: '1200.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' };
  const decision = await web.policy.decide(runOf(), { tool: 'ledger.transfer', args, step: 'looks' });
  web.state.decision = decision.id;
  for (const target of ['tool:http.request', 'person:requester'] as const)
    await web.policy.setKillSwitch({ engaged: true, target, reason: 'A drill until noon.', by: 'admin' });
  const candidate = `sha256:${'c0ffee'.repeat(10)}abcd`;
  await web.pool.query('insert into shadow_candidates (candidate, compared, dropped) values ($1, 240, 2)', [
    candidate,
  ]);
  await web.pool.query(
    `insert into shadow_differences (candidate, decision_id, tool, live, shadow, reasons)
     values ($1, $2, 'ledger.transfer', 'approve by 2 of approvers', 'deny', '{export_forbidden}')`,
    [candidate, decision.id],
  );
}
