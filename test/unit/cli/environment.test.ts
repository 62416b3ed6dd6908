import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatehouseError } from '../../../gateway/config/index.ts';
import { gatewayEnvironment } from '../../../gateway/cli/up/gateway.ts';
import { layout } from '../../../gateway/cli/up/layout.ts';
import { n8nEnvironment, type N8nOptions } from '../../../gateway/cli/up/n8n-environment.ts';
import { readPorts } from '../../../gateway/cli/up/ports.ts';
import { bypassProxyOnLoopback } from '../../../gateway/cli/up/proxy.ts';
import { dockerUsable } from '../../../gateway/cli/up/runner.ts';
import { loadSettings } from '../../../gateway/config/index.ts';

const state = {
  postgres: { superuser: 's', gatehouse: 'g', n8n: 'n' },
  n8n: { encryptionKey: 'e', hmacSecret: 'h', jwtSecret: 'j' },
};

function n8nOptions(user: NodeJS.ProcessEnv): N8nOptions {
  return {
    program: '/cache/n8n',
    userFolder: '/stack/n8n',
    port: 5678,
    brokerPort: 5679,
    postgres: { port: 5439, password: 'n' },
    keys: state.n8n,
    owner: undefined,
    publicUrl: 'https://gatehouse.example.com',
    credentialsOverwrite: '/stack/n8n/overwrite.json',
    flowGuard: { file: '/stack/n8n/flow-guard.cjs', mode: 'enforce', policiesDir: '/policies' },
    log: '/stack/logs/n8n.log',
    user,
  };
}

test('the gateway gets the stack’s own Postgres and n8n, and none of the supervisor’s settings', () => {
  const environment = gatewayEnvironment(layout('/stack', false), readPorts({}), state, {
    GATEHOUSE_UP_N8N_PORT: '1',
    GATEHOUSE_TEST_POSTGRES: 'x',
    GATEHOUSE_APPROVAL_SECONDS: '60',
    AWS_SECRET_ACCESS_KEY: 'not for the gateway',
  });
  const settings = loadSettings(environment);
  const loopback = 'postgres://gatehouse:g@127.0.0.1:5439/gatehouse';
  assert.equal(settings.databaseUrl, `${loopback}?host=%2Fstack%2Fpostgres`);
  assert.equal(settings.approvalSeconds, 60);
  assert.equal(settings.demo, true);
  assert.equal(environment.AWS_SECRET_ACCESS_KEY, undefined);
});

test('where the path of its folder is too long for a socket, Postgres is reached by loopback', () => {
  const far = layout(`/${'stack'.repeat(20)}`, false);
  assert.equal(
    gatewayEnvironment(far, readPorts({}), state, {}).GATEHOUSE_DATABASE_URL,
    'postgres://gatehouse:g@127.0.0.1:5439/gatehouse',
  );
});

test('a setting that contradicts the stack is refused instead of ignored', () => {
  assert.throws(
    () =>
      gatewayEnvironment(layout('/stack', false), readPorts({}), state, {
        GATEHOUSE_DATABASE_URL: 'postgres://x/y',
      }),
    (error: GatehouseError) => error.code === 'GH-UP-006' && error.message.includes('GATEHOUSE_DATABASE_URL'),
  );
});

test('the editor has another host name than the pages: cookies know no ports', () => {
  for (const [publicUrl, editor] of [
    ['http://localhost:8080', 'http://127.0.0.1:5678/'],
    ['http://127.0.0.1:8080', 'http://localhost:5678/'],
    ['https://gatehouse.example.com', 'http://127.0.0.1:5678/'],
  ] as const) {
    const environment = n8nEnvironment({ ...n8nOptions({}), publicUrl });
    assert.equal(environment.N8N_EDITOR_BASE_URL, editor);
  }
});

test('n8n sees no secret of this shell or of the gateway, and its own secrets come from a file', () => {
  const environment = n8nEnvironment(
    n8nOptions({
      PATH: '/bin',
      AWS_SECRET_ACCESS_KEY: 'a',
      GATEHOUSE_KEY_FILE: 'k',
      CREDENTIALS_OVERWRITE_DATA: 'x',
    }),
  );
  assert.deepEqual(
    Object.keys(environment).filter(
      (name) => /^(AWS|GATEHOUSE)/.test(name) || name === 'CREDENTIALS_OVERWRITE_DATA',
    ),
    ['GATEHOUSE_FLOW_GUARD', 'GATEHOUSE_POLICIES_DIR'],
  );
  assert.equal(environment.CREDENTIALS_OVERWRITE_DATA_FILE, '/stack/n8n/overwrite.json');
});

test('a user tunes n8n, and cannot untie it from the stack by accident', () => {
  const environment = n8nEnvironment(
    n8nOptions({
      N8N_LOG_LEVEL: 'debug',
      N8N_PORT: '1',
      N8N_LISTEN_ADDRESS: '0.0.0.0',
      N8N_ENCRYPTION_KEY: 'other',
    }),
  );
  assert.equal(environment.N8N_LOG_LEVEL, 'debug');
  assert.equal(environment.N8N_PORT, '5678');
  assert.equal(environment.N8N_LISTEN_ADDRESS, '127.0.0.1');
  assert.equal(environment.N8N_ENCRYPTION_KEY, 'e');
});

test('n8n builds its form links from the public address and calls nobody', () => {
  const environment = n8nEnvironment(n8nOptions({}));
  assert.equal(environment.N8N_WEBHOOK_URL, 'https://gatehouse.example.com/');
  for (const name of ['DIAGNOSTICS', 'VERSION_NOTIFICATIONS', 'TEMPLATES', 'DYNAMIC_BANNERS']) {
    assert.equal(environment[`N8N_${name}_ENABLED`], 'false', name);
  }
});

test('a proxy reaches the gateway and n8n, and nothing that talks to this machine goes through it', () => {
  const user: NodeJS.ProcessEnv = { https_proxy: 'http://proxy:3128', NO_PROXY: 'intranet.example.com' };
  bypassProxyOnLoopback(user);
  const gateway = gatewayEnvironment(layout('/stack', false), readPorts({}), state, user);
  for (const environment of [gateway, n8nEnvironment(n8nOptions(user))]) {
    assert.equal(environment.https_proxy, 'http://proxy:3128');
    assert.equal(environment.no_proxy, 'intranet.example.com,localhost,127.0.0.1,::1');
    assert.equal(environment.NO_PROXY, environment.no_proxy);
  }
  const none: NodeJS.ProcessEnv = { PATH: '/bin' };
  bypassProxyOnLoopback(none);
  assert.deepEqual(none, { PATH: '/bin' });
});

test('a Docker engine that this user may not use is none', () => {
  assert.equal(dockerUsable({}, '/nowhere/docker.sock'), false);
  assert.equal(dockerUsable({ DOCKER_HOST: 'tcp://127.0.0.1:2375' }, '/nowhere'), true);
});

test('as root the data lies where the unprivileged Postgres user can read it, apart for each folder', () => {
  assert.match(layout('/root/a/.gatehouse', true).postgres, /^\/var\/lib\/gatehouse\/[0-9a-f]{12}$/);
  assert.notEqual(layout('/root/a/.gatehouse', true).postgres, layout('/root/b/.gatehouse', true).postgres);
  assert.equal(layout('/home/x/.gatehouse', false).postgres, '/home/x/.gatehouse/postgres');
});

test('n8n is given the flow guard beside our other hook, and neither its mode nor its file where it is off', () => {
  const on = n8nEnvironment(
    n8nOptions({ EXTERNAL_HOOK_FILES: '/elsewhere.cjs', GATEHOUSE_FLOW_GUARD: 'off' }),
  );
  assert.match(on.EXTERNAL_HOOK_FILES ?? '', /quiet-errors\.cjs;\/stack\/n8n\/flow-guard\.cjs$/);
  assert.equal(on.GATEHOUSE_FLOW_GUARD, 'enforce');
  assert.equal(on.GATEHOUSE_POLICIES_DIR, '/policies');
  const off = n8nEnvironment({ ...n8nOptions({}), flowGuard: undefined });
  assert.match(off.EXTERNAL_HOOK_FILES ?? '', /quiet-errors\.cjs$/);
  assert.equal(off.GATEHOUSE_FLOW_GUARD, undefined);
});
