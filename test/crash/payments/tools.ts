import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecretStore } from '../../../gateway/vault/index.ts';
import type { CountingBank } from '../../fixtures/vendors/bank.ts';

export const automation = 'morning-balance';
/** The same payment: the outcome of the one can be looked up at the bank, that of the other cannot. */
export const tools = { probed: 'bank.transfer', blind: 'bank.wire' } as const;
/** Longer than the bank takes; what was sent may be on its way for so long. */
const timeoutSeconds = 3;

const tool = (name: string, bank: CountingBank, probe: object): object => ({
  name,
  title: 'Pay from the bank',
  description: 'Pays an amount to a payee.',
  risk: 'payment',
  args: {
    type: 'object',
    properties: {
      amount: { type: 'string', pattern: '^[1-9][0-9]{0,5}\\.[0-9]{2}$', maxLength: 9 },
      currency: { type: 'string', enum: ['EUR'] },
      payee: { type: 'string', minLength: 1, maxLength: 80 },
      reference: { type: 'string', minLength: 1, maxLength: 80 },
    },
    required: ['amount', 'currency', 'payee', 'reference'],
    additionalProperties: false,
  },
  kinds: { amount: 'sizes', currency: 'sizes', payee: 'redirects', reference: 'content' },
  money: { amount: 'amount', currency: 'currency' },
  example: { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' },
  sentence: 'Pay {amount:money} {currency} to {payee} ({reference})',
  done: 'Paid {amount:money} {currency} to {payee} ({reference}).',
  idempotencyKey: 'none',
  timeoutSeconds,
  connector: {
    kind: 'rest',
    api: {
      title: 'The bank',
      url: bank.url,
      privateNetworks: ['127.0.0.0/8'],
      plainHttp: true,
      auth: { kind: 'bearer', secret: 'bank/token' },
    },
    method: 'POST',
    path: '/transfers',
    body: {
      payee: '{payee}',
      amount: '{amount}',
      currency: '{currency}',
      reference: '{reference}',
    },
    returns: '{number: number}',
    ...probe,
  },
  preview: { none: 'The bank cannot try out a payment.' },
});

/** Lets an automation pay from this bank, by both tools, without a rate that would slow it. JSON is YAML. */
export async function preparePayments(
  { policiesDir, dataDir }: { policiesDir: string; dataDir: string },
  bank: CountingBank,
): Promise<void> {
  const write = (name: string, content: object): void =>
    writeFileSync(join(policiesDir, name), JSON.stringify(content));
  const probe = {
    method: 'GET',
    path: '/transfers',
    query: { reference: '{reference}' },
    happened: 'length(body.transfers) > `0`',
    notHappened: 'status == `200` && length(body.transfers) == `0`',
  };
  write(`tools/${tools.probed}.yaml`, tool(tools.probed, bank, { probe }));
  write(`tools/${tools.blind}.yaml`, tool(tools.blind, bank, {}));
  const args = { payee: { const: 'ACME' }, currency: { const: 'EUR' } };
  const limits = { spend: { currency: 'EUR', amount: '999999999.00' } };
  write('automations.yaml', {
    automations: [
      {
        name: automation,
        display: automation,
        owner: 'requester',
        workflow: 'gatehouseAuto0001',
        tools: Object.values(tools).map((name) => ({ tool: name, args, limits })),
      },
    ],
  });
  const rate = { messages: 1_000_000, seconds: 1, queue: 1_000_000 };
  write('limits.yaml', { default: { sender: rate, channel: rate }, channels: {} });
  await createSecretStore({ dataDir }).set('bank/token', bank.token);
}
