import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../../gateway/cli/up/index.ts';
import { createSecretStore } from '../../gateway/vault/index.ts';
import { workspace, type FakeSlack } from '../fixtures/slack/index.ts';

export const signingSecret = 'slack-signing-secret-of-the-test';

/** Who writes: each in a direct conversation, which is a session of its own. */
export const writers = [1, 2, 3, 4].map((number) => ({
  principal: `writer-${number}`,
  slack: `U0WRITER${number}`,
  channel: `D0WRITER${number}`,
}));

export const approver = { principal: 'approver-a', slack: 'U0APPROVE' };

/** The demo's policies, with these people and without a rate that would slow the load. @returns their folder */
export async function preparePeople(dir: string, slack: FakeSlack): Promise<string> {
  const policies = join(dir, 'policies');
  cpSync(join(repository, 'policies'), policies, { recursive: true });
  const people = [
    { principal: 'requester', roles: ['member'], groups: [], slack: 'U0REQUEST' },
    { ...approver, roles: ['approver'], groups: ['approvers'] },
    { principal: 'approver-b', roles: ['approver'], groups: ['approvers'], slack: 'U0APPROVB' },
    ...writers.map((writer) => ({ ...writer, roles: ['member'], groups: [] })),
  ].map(({ principal, roles, groups, slack: id }) => ({
    principal,
    display: principal,
    roles,
    groups,
    identities: [{ channel: 'slack', account: workspace.team, id }],
  }));
  // JSON is YAML.
  writeFileSync(join(policies, 'people.yaml'), JSON.stringify({ people }));
  const rate = { messages: 100_000, seconds: 1, queue: 100_000 };
  writeFileSync(
    join(policies, 'limits.yaml'),
    // What waited for n8n comes all at once, and no person would ask for so much.
    JSON.stringify({ default: { sender: rate, channel: rate }, channels: {}, pendingAsks: 100 }),
  );
  // All writers pay from one account at once: what one of them was shown differs a moment later.
  const transfer = join(policies, 'tools', 'ledger.transfer.yaml');
  const shown = /^(    (?:balance_now|balance_after|known): \{.*) \}$/gm;
  writeFileSync(transfer, readFileSync(transfer, 'utf8').replaceAll(shown, '$1, volatile: true }'));
  for (const { channel } of writers) slack.channels.add(channel);
  const store = createSecretStore({ dataDir: dir });
  await store.set('slack/signing-secret', signingSecret);
  await store.set('slack/bot-token', slack.tokens.bot);
  await store.set('slack/app-token', slack.tokens.app);
  return policies;
}
