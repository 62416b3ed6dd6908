import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  createClients,
  createPairing,
  createPeople,
  createSignIn,
  identityKey,
} from '../../../gateway/sessions/index.ts';
import { person, type Person } from '../../e2e/support/person.ts';
import { clickPayload, messageEvent, slackHeaders, workspace } from '../../fixtures/slack/index.ts';
import { bot, clickUpdate } from '../../fixtures/telegram/index.ts';
import { gatewayFolder, startGateway, until, type GatewayProcess } from '../../support/gateway.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import {
  signingSecret,
  slackUsers,
  startVendors,
  telegramUsers,
  type Vendors,
} from '../../support/vendors.ts';
import { storeWaiting } from './waiting.ts';

/** The real gateway with every door through which a vote could come, and requests that wait for two approvers. */
describe('the doors of a vote', { timeout: 500_000 }, () => {
  let database: TestDatabase;
  let vendors: Vendors;
  let folder: Awaited<ReturnType<typeof gatewayFolder>>;
  let gateway: GatewayProcess;
  let people: Record<'requester' | 'approver-a', Person>;

  before(async () => {
    database = await testDatabase();
    vendors = await startVendors({ slack: 'events', telegram: 'polling' });
    folder = await gatewayFolder(async (made) => {
      await vendors.prepare(made);
      const file = join(made.policiesDir, 'approvals.yaml');
      const reminded = (await readFile(file, 'utf8')).replace(
        'payment:',
        'payment:\n    remindAt: [0.1, 0.2]',
      );
      await writeFile(file, reminded);
    });
    gateway = await startGateway(folder, { ...vendors.env, GATEHOUSE_DATABASE_URL: database.url });
    const signIn = createSignIn({ pool: database.pool });
    const enter = async (name: 'requester' | 'approver-a'): Promise<Person> => {
      const link = `${gateway.publicUrl}/login?token=${await signIn.issueLogin(name, 600)}`;
      return person({ links: { [name]: link } as Record<typeof name, string> }, name);
    };
    people = { requester: await enter('requester'), 'approver-a': await enter('approver-a') };
  });
  after(async () => {
    await gateway?.stop();
    await vendors?.stop();
    await folder?.remove();
    await database?.drop();
  });

  const bindings: Record<string, string> = {};

  /** A payment that the requester asked for. */
  async function waiting(requester?: string): Promise<string> {
    const { id, binding } = await storeWaiting(database, requester);
    bindings[id] = binding;
    return id;
  }

  const votes = async (id: string): Promise<string[]> =>
    (
      await database.pool.query<{ vote: string }>(
        `select concat_ws(' ', principal, channel, identity ->> 'id') as vote from votes where approval_id = $1`,
        [id],
      )
    ).rows.map((row) => row.vote);

  const base = (): string => gateway.publicUrl.replace('localhost', '127.0.0.1');
  const send = (path: string, body: string, headers: Record<string, string>): Promise<Response> =>
    fetch(`${base()}${path}`, { method: 'POST', body, headers });
  const onTelegram = (from: number, id: string, change = (update: Record<string, unknown>) => update): void =>
    vendors.telegram.push(change(clickUpdate(from, vote(id))));
  /** Waits until the gateway has taken what Telegram holds for it. */
  const read = (): Promise<void> =>
    until('Telegram to be read', 10_000, async () => vendors.telegram.pending === 0);
  async function onSlack(user: string, value: string): Promise<void> {
    const body = new URLSearchParams({ payload: JSON.stringify(clickPayload({ user, value })) }).toString();
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await send('/channels/slack/interactions', body, {
      ...slackHeaders(signingSecret, body),
      ...type,
    });
    assert.equal(answer.status, 200);
  }
  const vote = (id: string): string => `approve:${id}:${bindings[id]?.slice(7, 15)}`;
  /** What Slack shows, all of it. */
  const said = (): string =>
    vendors.slack.posts.map((post) => JSON.stringify([post.text, post.blocks])).join('\n');
  const handled = async (): Promise<void> =>
    until('every click to be handled', 10_000, async () => {
      const { rowCount } = await database.pool.query(
        `select 1 from messages where event = 'action' and state = 'queued'`,
      );
      return rowCount === 0;
    });

  it('takes one vote of an approver, whichever door they use, and none of the requester', async () => {
    const id = await waiting();
    assert.equal((await people.requester.vote(id, 'approve')).status, 403);
    await onSlack(slackUsers.requester, vote(id));
    onTelegram(telegramUsers.requester, id);
    await read();
    await handled();
    assert.deepEqual(await votes(id), []);
    onTelegram(telegramUsers.approver, id);
    await read();
    await onSlack(slackUsers.approver, vote(id));
    await handled();
    await people['approver-a'].vote(id, 'approve');
    assert.deepEqual(await votes(id), [`approver-a telegram ${telegramUsers.approver}`]);
  });

  it('shows who decided, when and where on every message that asked, the reminders too', async () => {
    const id = await waiting();
    await database.pool.query(
      `update approvals set created_at = now() - interval '1 hour', next_step_at = now() where id = $1`,
      [id],
    );
    // No other test of this gateway lets anybody be asked.
    const about = (texts: readonly string[]): string[] => texts.filter((text) => text.includes('ACME'));
    const onBoth = (): string[][] => [
      about(vendors.slack.posts.map((post) => JSON.stringify([post.text, post.blocks]))),
      about(vendors.telegram.messages.map((message) => JSON.stringify([message.text, message.keyboard]))),
    ];
    await until('the card and its reminder on both', 15_000, async () =>
      onBoth().every((texts) => texts.some((text) => text.includes('Reminder:'))),
    );
    assert.deepEqual(
      onBoth().map((texts) => texts.length),
      [2, 2],
    );
    await onSlack(slackUsers.approver, vote(id).replace('approve', 'reject'));
    const outcome = /It was rejected by [^“]+ in Slack, 20\d\d-\d\d-\d\d \d\d:\d\d UTC/;
    await until('no copy that still asks', 15_000, async () =>
      onBoth()
        .flat()
        .every((text) => outcome.test(text)),
    );
    assert.equal(onBoth().flat().length, 4, 'they are the same messages, edited');
    assert.ok(
      !onBoth()
        .flat()
        .some((text) => /approve:|Reminder:|Open the request/.test(text)),
    );
    assert.deepEqual([vendors.slack.problems, vendors.telegram.problems], [[], []]);
  });

  it('takes no click of a bot, even one with the id of an approver', async () => {
    const id = await waiting();
    const asBot = (update: Record<string, unknown>): Record<string, unknown> => {
      const query = update.callback_query as { from: object };
      return { ...update, callback_query: { ...query, from: { ...query.from, is_bot: true } } };
    };
    onTelegram(telegramUsers.approver, id, asBot);
    onTelegram(bot.id, id);
    await read();
    await onSlack(workspace.bot, vote(id));
    await handled();
    assert.deepEqual(await votes(id), []);
  });

  it('takes no vote of a client of the API, whatever it may do, without the link of a person', async () => {
    const id = await waiting();
    const all = await createClients({ pool: database.pool }).issue('everything', ['run', 'read', 'admin']);
    for (const token of [all, 'vote_guess', '', 'approver-a', id]) {
      for (const body of [
        { token, verdict: 'approve' },
        { token, verdict: 'approve', principal: 'approver-a' },
      ]) {
        const answer = await fetch(`${gateway.internalUrl}/v1/approvals/${id}/votes`, {
          method: 'POST',
          headers: { authorization: `Bearer ${all}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
        assert.ok(answer.status === 403 || answer.status === 400, String(answer.status));
      }
    }
    assert.deepEqual(await votes(id), []);
  });

  it('asks a person before another account is theirs, tells the others, and lets it vote a day later', async () => {
    const { pool } = database;
    const directory = await createPeople({ pool, policiesDir: folder.policiesDir });
    const pairing = createPairing({ pool, people: directory });
    const stranger = JSON.stringify(messageEvent({ user: slackUsers.stranger, text: 'let me in' }));
    await send('/channels/slack/events', stranger, slackHeaders(signingSecret, stranger));
    let code = '';
    await until('a code for the stranger', 10_000, async () => {
      code = (await pairing.list()).find((one) => one.nativeId === slackUsers.stranger)?.code ?? '';
      return code !== '';
    });
    await pairing.confirm(code, 'approver-a', 'test');
    await until('the question in Slack', 10_000, async () => said().includes(`link:yes:${code}`));
    const page = await people['approver-a'].read(`/identities/${code}`);
    assert.match(page.text, new RegExp(`Is this account yours\\?.*${slackUsers.stranger}`));
    assert.equal((await people.requester.read(`/identities/${code}`)).status, 404);

    await onSlack(slackUsers.stranger, `link:yes:${code}`);
    await onSlack(slackUsers.requester, `link:yes:${code}`);
    await handled();
    assert.notEqual(await pairing.question(code, 'approver-a'), null, 'nobody else answers for them');
    await onSlack(slackUsers.approver, `link:yes:${code}`);
    await until('the others to be told', 10_000, async () =>
      said().includes('A new slack account was linked to you'),
    );
    await until('it on Telegram too', 10_000, async () =>
      vendors.telegram.messages.some((message) => message.text.includes('A new slack account was linked')),
    );

    const id = await waiting();
    // The gateway may remember for a moment that this sender is nobody.
    await until('the refusal with its time', 15_000, async () => {
      await onSlack(slackUsers.stranger, vote(id));
      await handled();
      return /may vote from 20\d\d-\d\d-\d\d \d\d:\d\d UTC on/.test(said());
    });
    assert.deepEqual(await votes(id), []);
    const told = await directory.identitiesOf('approver-a');
    assert.deepEqual(
      told.filter((one) => !one.mayVote).map((one) => identityKey(one.channel, one.account, one.id)),
      [identityKey('slack', workspace.team, slackUsers.stranger)],
    );
    await pool.query(`update identity_links set votes_from = now() where native_id = $1`, [
      slackUsers.stranger,
    ]);
    await onSlack(slackUsers.stranger, vote(id));
    await handled();
    assert.deepEqual(await votes(id), [`approver-a slack ${slackUsers.stranger}`]);
  });
});
