import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecretStore } from '../../gateway/vault/index.ts';
import { FakeSlack, workspace } from '../fixtures/slack/index.ts';
import { bot, FakeTelegram } from '../fixtures/telegram/index.ts';

export const signingSecret = 'slack-signing-secret-of-the-test';
export const webhookSecret = 'telegram-webhook-secret_1';
export const slackUsers = { requester: 'U0REQUEST', approver: 'U0APPROVE', stranger: 'U0STRANGE' };
export const telegramUsers = { requester: 101, approver: 202, stranger: 303 };

/** Slack and Telegram as fakes, and how a gateway is connected to them. */
export interface Vendors {
  slack: FakeSlack;
  telegram: FakeTelegram;
  env: NodeJS.ProcessEnv;
  /** Gives the demo's people an identity at each vendor, and the gateway the vendors' secrets. */
  prepare(folder: { policiesDir: string; dataDir: string }): Promise<void>;
  stop(): Promise<void>;
}

/** @param modes how the gateway talks with each */
export async function startVendors(modes: { slack: string; telegram: string }): Promise<Vendors> {
  const slack = await new FakeSlack().start();
  const telegram = await new FakeTelegram().start();
  return {
    slack,
    telegram,
    env: {
      GATEHOUSE_SLACK_MODE: modes.slack,
      GATEHOUSE_SLACK_API_URL: slack.apiUrl,
      GATEHOUSE_TELEGRAM_MODE: modes.telegram,
      GATEHOUSE_TELEGRAM_API_ROOT: telegram.apiRoot,
      // Telegram calls only https addresses; the fake is told the real one.
      ...(modes.telegram === 'webhook' ? { GATEHOUSE_PUBLIC_URL: 'https://gate.example.com' } : {}),
    },
    async prepare({ policiesDir, dataDir }) {
      giveIdentities(join(policiesDir, 'people.yaml'));
      const store = createSecretStore({ dataDir });
      await store.set('slack/signing-secret', signingSecret);
      await store.set('slack/bot-token', slack.tokens.bot);
      await store.set('slack/app-token', slack.tokens.app);
      await store.set('telegram/bot-token', bot.token);
      await store.set('telegram/webhook-secret', webhookSecret);
    },
    async stop() {
      await slack.stop();
      await telegram.stop();
    },
  };
}

function giveIdentities(file: string): void {
  let text = readFileSync(file, 'utf8');
  for (const [principal, slack, telegram] of [
    ['requester', slackUsers.requester, telegramUsers.requester],
    ['approver-a', slackUsers.approver, telegramUsers.approver],
  ] as const) {
    const web = `- { channel: web, account: local, id: ${principal} }`;
    assert.ok(text.includes(web));
    text = text.replace(
      web,
      `${web}\n      - { channel: slack, account: ${workspace.team}, id: ${slack} }\n      - { channel: telegram, account: '${bot.id}', id: '${telegram}' }`,
    );
  }
  writeFileSync(file, text);
}
