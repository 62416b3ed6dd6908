import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gatewayUrl } from '../../../gateway/cli/terminal.ts';
import { repository } from '../../../gateway/cli/up/index.ts';
import { openEpoch } from '../../../gateway/policy/index.ts';
import { createClients, createSignIn } from '../../../gateway/sessions/index.ts';
import { person, type Person } from '../../e2e/support/person.ts';
import { gatewayFolder, startGateway, until, type GatewayProcess } from '../../support/gateway.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { args, storeWaiting } from './waiting.ts';

/** The real command at a real gateway, and people at its pages. */
describe('the terminal', { timeout: 500_000 }, () => {
  let database: TestDatabase;
  let folder: Awaited<ReturnType<typeof gatewayFolder>>;
  let gateway: GatewayProcess;
  let people: Record<'requester' | 'approver-a' | 'approver-b', Person>;
  let enter: (name: keyof typeof people) => Promise<Person>;

  before(async () => {
    database = await testDatabase();
    folder = await gatewayFolder();
    gateway = await startGateway(folder, { GATEHOUSE_DATABASE_URL: database.url });
    const signIn = createSignIn({ pool: database.pool });
    enter = async (name) => {
      const link = `${gateway.publicUrl}/login?token=${await signIn.issueLogin(name, 600)}`;
      return person({ links: { [name]: link } as Record<typeof name, string> }, name);
    };
    people = {
      requester: await enter('requester'),
      'approver-a': await enter('approver-a'),
      'approver-b': await enter('approver-b'),
    };
  });
  after(async () => {
    await gateway?.stop();
    await folder?.remove();
    await database?.drop();
  });

  /** Each user of the command has a folder of settings. */
  const environment = (user: string): NodeJS.ProcessEnv => ({
    PATH: process.env.PATH,
    HOME: folder.dataDir,
    XDG_CONFIG_HOME: join(folder.dataDir, user),
    GATEHOUSE_UP_DIR: folder.dataDir,
    GATEHOUSE_PUBLIC_URL: gateway.publicUrl,
  });
  /** Starts the command. */
  function gatehouse(user: string, ...words: string[]) {
    const child = spawn(process.execPath, [join(repository, 'gateway/cli/gatehouse.mjs'), ...words], {
      env: environment(user),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    const ended = once(child, 'close').then(([code]) => ({ code: code as number, said }));
    return { said: () => said, ended };
  }
  const sessionFile = (user: string): string => join(folder.dataDir, user, 'gatehouse', 'session.json');

  async function login(user: string, confirming: Person): Promise<string> {
    const run = gatehouse(user, 'login');
    await until('a code', 20_000, async () => /\n {2}[A-Z]{4}-[A-Z]{4}\n/.test(run.said()), run.said);
    const code = /\n {2}([A-Z]{4}-[A-Z]{4})\n/.exec(run.said())?.[1] ?? '';
    const page = await (await confirming.send('/terminal', { code })).text();
    assert.match(page, /Is this your terminal\?/);
    assert.match(page, /whoever does wants to vote in your name/);
    assert.ok(page.includes(code));
    assert.equal((await confirming.send('/terminal/answer', { code, answer: 'yes' })).status, 200);
    const { code: exit, said } = await run.ended;
    assert.equal(exit, 0, said);
    return said;
  }
  const votes = async (id: string): Promise<string[]> =>
    (
      await database.pool.query<{ vote: string }>(
        `select concat_ws(' ', principal, verdict, channel) as vote from votes where approval_id = $1`,
        [id],
      )
    ).rows.map((row) => row.vote);
  const call = (path: string, token: string, body?: unknown): Promise<Response> =>
    fetch(`${gateway.publicUrl}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json',
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });

  it('signs in with a code, shows the request with what would drive a terminal made visible, and votes on it', async () => {
    assert.match(await login('alex', people['approver-a']), /Signed in as .* \(approver-a\) until 20/);
    assert.equal(statSync(sessionFile('alex')).mode & 0o777, 0o600);
    const { id } = await storeWaiting(database, 'requester', { ...args, payee: 'AC\u001b[31mME' });
    const unconfirmed = await gatehouse('alex', 'approvals', 'approve', id.slice(0, 20)).ended;
    assert.match(unconfirmed.said, /GH-CLI-419/, 'nobody is there to type the amount');
    assert.deepEqual(await votes(id), []);
    const { code, said } = await gatehouse('alex', 'approvals', 'approve', id, '--yes', '--comment', 'fine')
      .ended;
    assert.equal(code, 0, said);
    assert.match(said, /asks to pay 5,000\.00 EUR to AC\\u\{1b\}\[31mME/);
    assert.match(said, /1 of 2 approvals/);
    assert.ok(!said.includes('\u001b'));
    assert.deepEqual(await votes(id), ['approver-a approve terminal']);
    assert.equal((await people['approver-a'].vote(id, 'reject', 'no')).status, 409, 'one person, one vote');
  });

  it(
    'takes the amount, typed by hand, where somebody sits there',
    { skip: !existsSync('/usr/bin/script') },
    async () => {
      const { id } = await storeWaiting(database);
      const type = (typed: string): string => {
        const bin = join(repository, 'gateway/cli/gatehouse.mjs');
        // A terminal of its own: without one, the command asks nobody.
        const { stdout } = spawnSync(
          '/usr/bin/script',
          ['-qec', `${process.execPath} ${bin} approvals approve ${id}`, '/dev/null'],
          { encoding: 'utf8', input: `${typed}\n`, env: environment('alex') },
        );
        return stdout;
      };
      for (const typed of ['', '500.00']) assert.match(type(typed), /GH-CLI-419/, typed);
      assert.deepEqual(await votes(id), []);
      assert.match(type('5000.00'), /Type 5,000\.00 to approve it[\s\S]*Your vote counts/);
      assert.deepEqual(await votes(id), ['approver-a approve terminal']);
    },
  );

  it('votes as whoever typed the code, and never as the requester for their own request', async () => {
    await login('shared', people.requester);
    const { id } = await storeWaiting(database);
    const run = await gatehouse('shared', 'approvals', 'approve', id, '--yes').ended;
    assert.match(run.said, /GH-CLI-405/, 'it is not theirs to decide');
    const { token } = JSON.parse(readFileSync(sessionFile('shared'), 'utf8')) as { token: string };
    const { binding } = await fresh(id);
    const own = await call(`/terminal/approvals/${id}/votes`, token, {
      verdict: 'approve',
      comment: '',
      shown: binding,
    });
    assert.equal(own.status, 403);
    await login('shared', people['approver-b']);
    assert.equal((await call('/terminal/approvals', token)).status, 401, 'the session before it is over');
    await gatehouse('shared', 'approvals', 'reject', id, '--yes', '--comment', 'no').ended;
    assert.deepEqual(await votes(id), ['approver-b reject terminal']);
  });

  const fresh = async (id: string): Promise<{ binding: string }> =>
    (await database.pool.query<{ binding: string }>('select binding from approvals where id = $1', [id]))
      .rows[0] ?? {
      binding: '',
    };

  it('takes no vote on what was not shown', async () => {
    const { token } = JSON.parse(readFileSync(sessionFile('alex'), 'utf8')) as { token: string };
    const { id } = await storeWaiting(database);
    const other = await storeWaiting(database);
    for (const shown of [other.binding, '00000000', `sha256:${'0'.repeat(64)}`]) {
      const answer = await call(`/terminal/approvals/${id}/votes`, token, {
        verdict: 'approve',
        comment: '',
        shown,
      });
      assert.equal(answer.status, 409);
    }
    for (const body of [{ verdict: 'approve' }, { verdict: 'reject', shown: other.binding }, {}])
      assert.equal((await call(`/terminal/approvals/${id}/votes`, token, body)).status, 400);
    assert.deepEqual(await votes(id), []);
  });

  it('takes no forged token, none of a client, of a browser or of another kind, and no cookie', async () => {
    const { id, binding } = await storeWaiting(database);
    const clients = createClients({ pool: database.pool });
    const signIn = createSignIn({ pool: database.pool });
    const browser = await signIn.redeem(await signIn.issueLogin('approver-a', 60));
    const tokens = [
      '',
      'term_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      await clients.issue('everything', ['run', 'read', 'admin']),
      browser?.session ?? '',
      `term_${browser?.session.replace(/^sess_/, '')}`,
    ];
    const body = { verdict: 'approve', comment: '', shown: binding };
    for (const token of tokens) {
      assert.equal((await call(`/terminal/approvals/${id}/votes`, token, body)).status, 401, token);
      assert.equal((await call('/terminal/approvals', token)).status, 401);
    }
    const cookie = await fetch(`${gateway.publicUrl}/terminal/approvals`, {
      headers: {
        cookie: `gatehouse-${new URL(gateway.publicUrl).port}=${browser?.session}`,
        accept: 'application/json',
      },
    });
    assert.equal(cookie.status, 401);
    const { token } = JSON.parse(readFileSync(sessionFile('alex'), 'utf8')) as { token: string };
    const page = await fetch(`${gateway.publicUrl}/approvals/${id}`, {
      headers: { cookie: `gatehouse-${new URL(gateway.publicUrl).port}=${token}`, accept: 'text/html' },
    });
    assert.equal(page.status, 401, 'a terminal opens no page');
    assert.deepEqual(await votes(id), []);
  });

  it('takes an answer about a terminal only from its own page', async () => {
    const begun = await fetch(`${gateway.publicUrl}/terminal/codes`, {
      method: 'POST',
      body: new URLSearchParams({ host: 'h', account: 'a' }),
    });
    const { user_code: code, device_code: device } = (await begun.json()) as Record<string, string>;
    const fields = { code: code ?? '', answer: 'yes' };
    assert.equal(
      (await people['approver-a'].send('/terminal/answer', { ...fields, csrf: 'guess' })).status,
      403,
    );
    assert.equal((await people['approver-a'].open(`/terminal?code=${code}`)).status, 200);
    const unsigned = await fetch(`${gateway.publicUrl}/terminal/answer`, {
      method: 'POST',
      headers: { origin: gateway.publicUrl, accept: 'text/html' },
      body: new URLSearchParams(fields),
    });
    assert.equal(unsigned.status, 401);
    const waits = await fetch(`${gateway.publicUrl}/terminal/token`, {
      method: 'POST',
      body: new URLSearchParams({ device_code: device ?? '' }),
    });
    assert.deepEqual([waits.status, await waits.json()], [400, { error: 'authorization_pending' }]);
    await people['approver-a'].send('/terminal/answer', { ...fields, answer: 'no' });
    assert.equal((await people['approver-a'].send('/terminal/answer', fields)).status, 404, 'it is used');
  });

  it('sends strict requests to the page, whatever the terminal says', async () => {
    const file = join(folder.policiesDir, 'approvals.yaml');
    const before = await readFile(file, 'utf8');
    const inForce = async (): Promise<string> =>
      /sha256:[0-9a-f]{64}/.exec(await (await people['approver-a'].open('/policy')).text())?.[0] ?? '';
    const earlier = await inForce();
    await writeFile(file, before.replace(/(payment:[\s\S]*?)strict: false/, '$1strict: true'));
    gateway.reload();
    await until('the class to be strict', 20_000, async () => (await inForce()) !== earlier);
    const rules = { policy: await inForce(), epoch: openEpoch(folder.dataDir).current() };
    const { id, binding } = await storeWaiting(database, 'requester', args, rules);
    assert.match((await people['approver-a'].read(`/approvals/${id}`)).text, /second factor/);
    const run = await gatehouse('alex', 'approvals', 'approve', id, '--yes').ended;
    assert.match(run.said, new RegExp(`/approvals/${id}`));
    assert.match(run.said, /GH-CLI-417/);
    const { token } = JSON.parse(readFileSync(sessionFile('alex'), 'utf8')) as { token: string };
    const body = { verdict: 'approve', comment: '', shown: binding };
    const answer = await call(`/terminal/approvals/${id}/votes`, token, body);
    const problem = (await answer.json()) as { code: string; next: string };
    assert.deepEqual([answer.status, problem.code], [403, 'GH-APPROVAL-061']);
    assert.match(problem.next, new RegExp(`/approvals/${id}`));
    assert.deepEqual(await votes(id), []);
  });

  it('votes no more once signed out, at the terminal or on the page, nor from a file that others can read', async () => {
    const { id, binding } = await storeWaiting(database);
    const kept = readFileSync(sessionFile('alex'), 'utf8');
    const { token } = JSON.parse(kept) as { token: string };
    chmodSync(sessionFile('alex'), 0o644);
    assert.match((await gatehouse('alex', 'approvals', 'approve', id, '--yes').ended).said, /GH-CLI-411/);
    chmodSync(sessionFile('alex'), 0o600);
    assert.equal((await gatehouse('alex', 'logout').ended).code, 0);
    assert.ok(!existsSync(sessionFile('alex')));
    const body = { verdict: 'approve', comment: '', shown: binding };
    assert.equal((await call(`/terminal/approvals/${id}/votes`, token, body)).status, 401);
    assert.match((await gatehouse('alex', 'approvals', 'approve', id, '--yes').ended).said, /GH-CLI-416/);
    writeFileSync(sessionFile('alex'), kept, { mode: 0o600 });
    assert.match((await gatehouse('alex', 'approvals', 'approve', id, '--yes').ended).said, /GH-WEB-052/);

    const shared = JSON.parse(readFileSync(sessionFile('shared'), 'utf8')) as { token: string };
    const page = await (await people['approver-b'].open('/terminal')).text();
    const terminal = /name="terminal" value="([^"]+)"/.exec(page)?.[1] ?? '';
    await people['approver-a'].send('/terminal/end', { terminal });
    assert.equal((await call('/terminal/approvals', shared.token)).status, 200, 'nobody else ends it');
    await people['approver-b'].send('/terminal/end', { terminal });
    assert.equal((await call('/terminal/approvals', shared.token)).status, 401);
    assert.deepEqual(await votes(id), []);
  });

  it('sends its session to no address over which it could be read', () => {
    for (const url of ['http://gate.example.com', 'http://localhost.example.com', 'ftp://localhost', 'gate'])
      assert.throws(() => gatewayUrl(url), { code: 'GH-CLI-412' });
    assert.equal(gatewayUrl('https://gate.example.com/approvals'), 'https://gate.example.com');
  });
});
