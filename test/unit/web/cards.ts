import type { ApprovalCard, EditField } from '../../../gateway/web/index.ts';

/** A pending payment that `approver-a` may decide. */
export function paymentCard(change: Partial<ApprovalCard> = {}): ApprovalCard {
  return {
    id: 'dec_0193fd0a4c1e7b12',
    state: 'pending',
    kind: 'approve',
    sentence: 'Robin Requester asks to pay 5000.00 EUR to ACME (new recipient)',
    effect: '5000.00 EUR to ACME',
    tool: 'ledger.transfer',
    digest: `sha256:${'ab'.repeat(32)}`,
    binding: `sha256:${'cd'.repeat(32)}`,
    preview: 'Looked up at 10:02 UTC.',
    requester: { principal: 'requester', display: 'Robin Requester' },
    reasons: [{ code: 'payment_needs_approval', text: 'Payments of 1000 EUR and more need two approvers.' }],
    facts: [
      { label: 'Amount', value: '5000.00 EUR' },
      { label: 'To', value: 'ACME' },
      { label: 'Reference', value: 'invoice-42' },
    ],
    provenance: [{ label: 'Reference', value: 'invoice-42', source: 'a tool result (tool:crm-1)' }],
    quoted: 'please pay <b>quickly</b>, the boss agreed',
    createdAt: new Date(),
    deadline: new Date(Date.now() + 3_600_000),
    decidedAt: null,
    quorum: 2,
    strict: false,
    approvers: [
      { principal: 'approver-a', display: 'Alex Approver' },
      { principal: 'approver-b', display: 'Blake Approver' },
    ],
    votes: [],
    mayVote: true,
    mayApprove: true,
    mayEdit: true,
    mayAsk: true,
    mayAnswer: false,
    questions: [],
    edited: null,
    replacedBy: null,
    standing: null,
    ...change,
  };
}

/** The fields of that payment, and a long one. */
export const editFields: EditField[] = [
  {
    name: 'amount',
    label: 'Amount',
    kind: 'text',
    value: '5000.00',
    required: true,
    description: 'decimal amount such as 120.00',
    options: [],
    maxLength: 15,
  },
  {
    name: 'currency',
    label: 'Currency',
    kind: 'choice',
    value: 'EUR',
    required: true,
    description: null,
    options: ['EUR', 'USD'],
    maxLength: null,
  },
  {
    name: 'note',
    label: 'Note',
    kind: 'long',
    value: '<b>bold</b>',
    required: false,
    description: null,
    options: [],
    maxLength: null,
  },
];
