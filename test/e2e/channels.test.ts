import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { repository } from '../../gateway/cli/up/index.ts';
import {
  clickPayload,
  editEvent,
  type FakeSlack,
  messageEvent,
  nextTs,
  readable,
  slackHeaders,
  slashFields,
} from '../fixtures/slack/index.ts';
import { clickUpdate, messageUpdate, type FakeTelegram } from '../fixtures/telegram/index.ts';
import { signingSecret, slackUsers, startVendors, telegramUsers } from '../support/vendors.ts';
import { testStack, type TestStack } from './support/stack.ts';

interface Vendors {
  slack: FakeSlack;
  telegram: FakeTelegram;
  stack: TestStack;
}

async function connect(modes: { slack: string; telegram: string }): Promise<Vendors> {
  const fakes = await startVendors(modes);
  const { slack, telegram, env } = fakes;
  const stack = await testStack(env, {
    async before(dir) {
      const policiesDir = join(dir, 'policies');
      cpSync(join(repository, 'policies'), policiesDir, { recursive: true });
      env.GATEHOUSE_POLICIES_DIR = policiesDir;
      await fakes.prepare({ policiesDir, dataDir: dir });
    },
  });
  return { slack, telegram, stack };
}

/** Waits until `look` finds something. */
async function until<Found>(
  what: string,
  look: () => Found | undefined | Promise<Found | undefined>,
): Promise<Found> {
  const end = Date.now() + 30_000;
  while (Date.now() < end) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await sleep(100);
  }
  return assert.fail(`waited 30 s for: ${what}`);
}

/** How each vendor reaches the gateway in one of its two modes. */
interface Ways {
  slackEvent(event: Record<string, unknown>): Promise<void>;
  slackClick(user: string, value: string): Promise<void>;
  slackSlash(user: string, command: string, text: string): Promise<void>;
  telegramUpdate(update: Record<string, unknown>): Promise<void>;
}

function playsTheStory(modes: { slack: string; telegram: string }, waysOf: (vendors: Vendors) => Ways): void {
  describe(`Slack by ${modes.slack}, Telegram by ${modes.telegram}`, { timeout: 400_000 }, () => {
    let vendors: Vendors;
    let ways: Ways;
    const slackText = (match: RegExp): string | undefined =>
      vendors.slack.posts
        .map((post) => `${post.text}\n${readable(post.blocks)}`)
        .find((text) => match.test(text));
    const telegramText = (match: RegExp): string | undefined =>
      vendors.telegram.messages.map((message) => message.text).find((text) => match.test(text));
    const ledger = async (reference: string): Promise<number> =>
      (await vendors.stack.demo('select 1 from ledger where reference = $1', [reference])).length;

    before(
      async () => {
        vendors = await connect(modes);
        ways = waysOf(vendors);
      },
      { timeout: 300_000 },
    );
    after(async () => {
      await vendors?.stack.stop();
      await vendors?.slack.stop();
      await vendors?.telegram.stop();
    });

    it('answers a balance in Slack, once, and ignores a second delivery of it', async () => {
      const event = messageEvent({ user: slackUsers.requester, text: '/balance' });
      await ways.slackEvent(event);
      await until('the balance', () => slackText(/balance is/));
      await ways.slackEvent(event);
      await sleep(1000);
      assert.equal(vendors.slack.posts.filter((post) => /balance is/.test(post.text)).length, 1);
    });

    it('pays after the approver pressed the button in Slack, and only once for two presses', async () => {
      await ways.slackSlash(slackUsers.requester, '/pay', '75 EUR ACME slack-1');
      const notice = await until('the notice of the approver', () =>
        vendors.slack.posts.find(
          (post) =>
            JSON.stringify(post.blocks).includes('slack-1') &&
            JSON.stringify(post.blocks).includes('approve:'),
        ),
      );
      const value = /"(approve:[^"]+)"/.exec(JSON.stringify(notice.blocks))?.[1] ?? '';
      await ways.slackClick(slackUsers.requester, value);
      await sleep(1500);
      assert.equal(await ledger('slack-1'), 0, 'the requester does not count');
      await Promise.all([
        ways.slackClick(slackUsers.approver, value),
        ways.slackClick(slackUsers.approver, value),
      ]);
      await until('the outcome', () => slackText(/Paid 75/));
      assert.equal(await ledger('slack-1'), 1);
    });

    it('takes an edit as a revision of the message, not as a new command', async () => {
      const ts = nextTs();
      await ways.slackEvent(messageEvent({ user: slackUsers.requester, text: 'hello', ts }));
      await ways.slackEvent(
        editEvent({ user: slackUsers.requester, text: '/pay 9 EUR ACME edited-1', before: 'hello', ts }),
      );
      await sleep(2500);
      assert.equal(await ledger('edited-1'), 0);
      const rows = await vendors.stack.sql(
        `select 1 from approvals join decisions using (id) where decisions.args ->> 'reference' = 'edited-1'`,
      );
      assert.equal(rows.length, 0);
    });

    it('pays after the approver pressed the button in Telegram', async () => {
      await ways.telegramUpdate(
        messageUpdate({ from: telegramUsers.requester, text: '/pay 80 EUR ACME telegram-1' }),
      );
      const notice = await until('the notice of the approver', () =>
        vendors.telegram.messages.find(
          (message) => message.chat === telegramUsers.approver && message.text.includes('telegram-1'),
        ),
      );
      const value = notice.keyboard
        .flat()
        .find((button) => button.callback_data?.startsWith('approve:'))?.callback_data;
      assert.ok(value);
      await ways.telegramUpdate(clickUpdate(telegramUsers.stranger, value));
      await sleep(1000);
      assert.equal(await ledger('telegram-1'), 0, 'a stranger does not count');
      await ways.telegramUpdate(clickUpdate(telegramUsers.approver, value));
      await until('the outcome', () => telegramText(/Paid 80/));
      assert.equal(await ledger('telegram-1'), 1);
    });

    it('shows a stranger a pairing code or a refusal, and no workflow sees the text', async () => {
      await ways.telegramUpdate(
        messageUpdate({ from: telegramUsers.stranger, text: '/balance canary-of-a-stranger' }),
      );
      await until('an answer', () =>
        vendors.telegram.messages.find((message) => message.chat === telegramUsers.stranger),
      );
      assert.equal(telegramText(/balance is/), undefined);
      const rows = await vendors.stack.n8n(
        `select 1 from execution_data where data like '%canary-of-a-stranger%'`,
      );
      assert.equal(rows.length, 0);
    });

    it('makes no call that its vendor would refuse', () => {
      assert.deepEqual(vendors.slack.problems, []);
      assert.deepEqual(vendors.telegram.problems, []);
    });
  });
}

playsTheStory({ slack: 'socket', telegram: 'polling' }, ({ slack, telegram }) => ({
  slackEvent: async (event) => assert.ok(await slack.push('events_api', event)),
  slackClick: async (user, value) =>
    assert.ok(await slack.push('interactive', clickPayload({ user, value }))),
  slackSlash: async (user, command, text) =>
    assert.ok(await slack.push('slash_commands', slashFields({ user, command, text }))),
  telegramUpdate: async (update) => telegram.push(update),
}));

playsTheStory({ slack: 'events', telegram: 'webhook' }, ({ stack, telegram }) => {
  const base = `http://127.0.0.1:${stack.ports.public}`;
  const slack = async (path: string, body: string, type: string): Promise<void> => {
    const answer = await fetch(`${base}/channels/slack/${path}`, {
      method: 'POST',
      body,
      headers: slackHeaders(signingSecret, body, new Date(), type),
    });
    assert.equal(answer.status, 200);
    await answer.body?.cancel();
  };
  const form = 'application/x-www-form-urlencoded';
  return {
    slackEvent: (event) => slack('events', JSON.stringify(event), 'application/json'),
    slackClick: (user, value) =>
      slack(
        'interactions',
        new URLSearchParams({ payload: JSON.stringify(clickPayload({ user, value })) }).toString(),
        form,
      ),
    slackSlash: (user, command, text) =>
      slack('commands', new URLSearchParams(slashFields({ user, command, text })).toString(), form),
    telegramUpdate: async (update) => {
      assert.equal((await telegram.deliver(update, `${base}/channels/telegram`)).status, 200);
    },
  };
});
