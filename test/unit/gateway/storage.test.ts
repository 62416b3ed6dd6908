import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { freePorts, startPostgres } from '../../../gateway/cli/up/index.ts';
import { openPool } from '../../../gateway/db/index.ts';
import { createClients, createSignIn } from '../../../gateway/sessions/index.ts';
import { person, type Person } from '../../e2e/support/person.ts';
import { messageEvent, slackHeaders } from '../../fixtures/slack/index.ts';
import { gatewayFolder, startGateway, type GatewayProcess } from '../../support/gateway.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { signingSecret, slackUsers, startVendors, type Vendors } from '../../support/vendors.ts';

/** A gateway that Slack delivers to. */
interface Scene {
  gateway: GatewayProcess;
  /** Delivers a message as Slack does. @returns the answer, and the message's own time, by which its row is found */
  deliver(text: string): Promise<{ answer: Response; again: () => Promise<Response> }>;
  stop(): Promise<void>;
}

async function scene(databaseUrl: string): Promise<Scene> {
  const vendors: Vendors = await startVendors({ slack: 'events', telegram: 'off' });
  const folder = await gatewayFolder((made) => vendors.prepare(made));
  const gateway = await startGateway(folder, { ...vendors.env, GATEHOUSE_DATABASE_URL: databaseUrl });
  return {
    gateway,
    async deliver(text) {
      const body = JSON.stringify(messageEvent({ user: slackUsers.requester, text }));
      const again = (): Promise<Response> =>
        fetch(`${gateway.publicUrl}/channels/slack/events`, {
          method: 'POST',
          body,
          headers: slackHeaders(signingSecret, body),
        });
      return { answer: await again(), again };
    },
    async stop() {
      await gateway.stop();
      await vendors.stop();
      await folder.remove();
    },
  };
}

/** Postgres itself refuses these writes as it does on a full disk. */
const full = (table: string): string =>
  `create or replace function disk_full() returns trigger language plpgsql as
   $$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
   create trigger disk_full before insert or update on ${table} for each row execute function disk_full()`;

describe('a Postgres whose disk is full', { timeout: 500_000 }, () => {
  let database: TestDatabase;
  let stage: Scene;
  let requester: Person;
  let token: string;
  const tables = ['messages', 'receipts', 'decisions', 'kill_switch'];

  before(async () => {
    database = await testDatabase();
    stage = await scene(database.url);
    const login = await createSignIn({ pool: database.pool, demo: true }).issueLogin('requester', 600);
    const links = { requester: `${stage.gateway.publicUrl}/login?token=${login}` };
    requester = await person({ links }, 'requester');
    token = await createClients({ pool: database.pool }).issue('test', ['run', 'admin']);
    for (const table of tables) await database.pool.query(full(table));
  });
  after(async () => {
    await stage?.stop();
    await database?.drop();
  });

  it('makes the gateway acknowledge nothing: vendors, pages and the API get 503 and when to come back', async () => {
    const { answer } = await stage.deliver('canary');
    const page = await requester.send('/messages', { text: 'canary' });
    const api = await fetch(`${stage.gateway.internalUrl}/v1/kill-switch`, {
      method: 'POST',
      body: JSON.stringify({ engaged: true, reason: 'a test' }),
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    });
    for (const [name, response] of Object.entries({ vendor: answer, page, api })) {
      assert.equal(response.status, 503, name);
      assert.match(response.headers.get('retry-after') ?? '', /^[1-9]\d*$/, name);
      assert.doesNotMatch(await response.text(), /canary/, name);
    }
    const { rowCount } = await database.pool.query('select 1 from messages');
    assert.equal(rowCount, 0);
  });

  it('is loud: in /readyz, in the log, once, and in a metric', async () => {
    for (let n = 0; n < 5; n += 1) await (await stage.deliver('canary')).answer.body?.cancel();
    const { checks } = await stage.gateway.readiness(
      'a warning',
      (seen) => seen.checks.database?.state === 'down',
    );
    assert.match(checks.database?.text ?? '', /53100, its disk is full.*nothing is acknowledged/);
    const lines = stage.gateway.said().split('\n');
    const loud = lines.filter((line) => line.includes('messages cannot be stored; nothing is acknowledged'));
    assert.equal(loud.length, 1);
    assert.match(loud[0] ?? '', /"level":50.*53100/);
    const metrics = await (await fetch(`${stage.gateway.internalUrl}/metrics`)).text();
    assert.match(metrics, /gatehouse_deliveries_total\{channel="slack",kind="not_stored"\} 6/);
    assert.doesNotMatch(stage.gateway.said(), /canary/);
  });

  it('is forgotten without a restart once there is room', async () => {
    const { again } = await stage.deliver('kept');
    for (const table of tables) await database.pool.query(`drop trigger disk_full on ${table}`);
    assert.equal((await again()).status, 200);
    assert.equal((await again()).status, 200);
    const { rowCount } = await database.pool.query(`select 1 from messages where raw like '%kept%'`);
    assert.equal(rowCount, 1);
    await stage.gateway.readiness('a good word', (seen) => seen.checks.database?.state === 'ok');
  });
});

/** A disk of its own. @returns null where this user may not mount one */
function smallDisk(megabytes: number): { path: string; fill(): void; free(): void; remove(): void } | null {
  const path = mkdtempSync(join(tmpdir(), 'gatehouse-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]);
  if (mounted.status !== 0) {
    rmSync(path, { recursive: true });
    return null;
  }
  // Postgres runs as another user than root.
  chmodSync(path, 0o755);
  const filler = join(path, 'filler');
  return {
    path,
    fill() {
      const file = openSync(filler, 'w');
      try {
        for (let size = 1 << 20; size >= 512; size /= 2) fillWith(file, Buffer.alloc(size));
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler),
    remove() {
      spawnSync('umount', ['-l', path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

function fillWith(file: number, block: Buffer): void {
  try {
    for (;;) writeSync(file, block);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'ENOSPC');
  }
}

it('a disk that really fills up loses no acknowledged message', { timeout: 500_000 }, async (t) => {
  const disk = smallDisk(200);
  if (!disk)
    return t.diagnostic('this user may not mount a small disk; the refused writes above stand in for it');
  const ports = await freePorts();
  const postgres = await startPostgres({ dir: join(disk.path, 'pg'), port: ports.postgres });
  const stage = await scene(postgres.url);
  try {
    // Random text, because Postgres compresses what it can.
    const text = (): string => randomBytes(7000).toString('base64');
    const acknowledged: string[] = [];
    const send = async (): Promise<{ status: number; again: () => Promise<Response> }> => {
      const content = text();
      const { answer, again } = await stage.deliver(content);
      if (answer.status === 200) acknowledged.push(content);
      else assert.equal(answer.status, 503);
      await answer.body?.cancel();
      return { status: answer.status, again };
    };
    for (let n = 0; n < 5; n += 1) assert.equal((await send()).status, 200);
    disk.fill();
    let refused = 0;
    let last = await send();
    for (let n = 0; n < 60; n += 1) {
      last = await send();
      if (last.status === 503) refused += 1;
    }
    assert.ok(refused > 0, 'the disk was full');
    await stage.gateway.readiness('a warning', (seen) => seen.checks.database?.state === 'down');
    disk.free();
    await stage.gateway.readiness('a server that is back', (seen) => seen.status !== 0);
    for (let tries = 0; tries < 100 && (await last.again()).status !== 200; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal((await send()).status, 200);
    await stage.gateway.readiness('a good word', (seen) => seen.checks.database?.state === 'ok');
    const pool: pg.Pool = openPool(postgres.url, 1);
    const { rows } = await pool.query<{ raw: string }>('select raw from messages where raw is not null');
    await pool.end();
    const kept = rows.map((row) => row.raw).join('\n');
    assert.deepEqual(
      acknowledged.filter((content) => !kept.includes(content)),
      [],
    );
  } finally {
    await stage.stop();
    await postgres.stop();
    disk.remove();
  }
});
