import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatehouseError, loadSettings } from '../../config/index.ts';
import { ensureDatabases } from './databases.ts';
import { writeJson } from './files.ts';
import { buildFlowGuard } from './flow-guard.ts';
import { gatewayAnswers, gatewayEnvironment, gatewaySettings, notReady, spawnGateway } from './gateway.ts';
import { demoLinks, makeDemo, issueSharedSecrets, type demoAccounts } from './identities.ts';
import { layout, repository } from './layout.ts';
import { acquireLock } from './lock.ts';
import { credentialsFor, importContent, readWorkflows } from './n8n-content.ts';
import { editorUrl, type N8nOptions } from './n8n-environment.ts';
import { installN8n, n8nInstalled } from './n8n-install.ts';
import { n8nAnswers, spawnN8n } from './n8n.ts';
import { installNodes } from './nodes-package.ts';
import { loadOwner } from './owner.ts';
import { postgresPart } from './own-postgres.ts';
import { Part, type PartDefinition } from './part.ts';
import { checkPorts, readPorts, type Ports } from './ports.ts';
import { postgresUrl } from './postgres.ts';
import { endLeftovers, ProcessList } from './processes.ts';
import { loadState } from './state.ts';
import { dockerUsable, runnerPart, runnerToken } from './runner.ts';
import { silentReporter, type Reporter } from './steps.ts';
import { supervise } from './supervise.ts';

type PartName = PartDefinition['name'];

/** What uses others ends before them. Their graces, one after the other, stay under ten seconds. */
const stopOrder: PartName[][] = [['n8n'], ['gateway', 'runner'], ['postgres']];

/** What a stack is started with; everything has a default. */
export interface StackOptions {
  /** folder for all that it writes */
  dir: string;
  ports?: Partial<Ports>;
  /** settings of the gateway and of n8n, laid over this process's environment */
  env?: NodeJS.ProcessEnv;
  report?: Reporter;
  /** false leaves a part down that died, until `restart`; crash tests want that */
  supervise?: boolean;
  /** stops the start; what was started is stopped again */
  signal?: AbortSignal;
  /** called when a part died too often and is not started any more */
  gaveUp?: (part: PartName) => void;
}

/** A stack that runs and is ready. */
export interface Stack {
  urls: { chat: string; approvals: string; receipts: string; internal: string; n8n: string };
  links: Record<(typeof demoAccounts)[number], string>;
  databaseUrl: string;
  n8nDatabaseUrl: string;
  /** the superuser's connection, for tests that look at the demo's tables */
  postgresUrl: string;
  ports: Ports;
  owner: { email: string; password: string; file: string };
  /** process numbers now; undefined while a part is down */
  readonly processes: Partial<Record<PartName, number>>;
  /** Ends a part if it runs, starts it, and waits until it answers. */
  restart(part: PartName): Promise<void>;
  /** Waits until every workflow's webhook answered a signed ping. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts Postgres, the gateway and n8n with our nodes and workflows, and waits until a signed ping went through n8n.
 * @throws GatehouseError when another one runs here, a port is in use, or a part does not start; what was started is
 *   stopped again
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const report = options.report ?? silentReporter;
  const environment = { ...process.env, ...options.env };
  const paths = layout(options.dir);
  const ports = readPorts(environment, options.ports);
  await mkdir(paths.dir, { recursive: true, mode: 0o700 });
  await mkdir(paths.n8n, { recursive: true, mode: 0o700 });
  const lock = await acquireLock(paths.lock, () =>
    report.say('        an earlier start is still stopping; this takes a few seconds'),
  );
  const parts: Part[] = [];
  const unwatch: (() => void)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of unwatch) end();
    // A full disk must not keep the parts running.
    await lock.stopping().catch(() => undefined);
    for (const names of stopOrder) {
      await Promise.all(parts.filter((part) => names.includes(part.name)).map((part) => part.stop()));
    }
    await lock.release();
  };
  const { signal } = options;
  // A part that is waited for would otherwise hold the start for as long as it takes.
  const onAbort = (): void => void Promise.all(parts.map((part) => part.stop()));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const leftovers = await endLeftovers(paths.processes);
    if (leftovers.length > 0)
      report.warn(`ended what an earlier start left running: ${leftovers.join(', ')}`);
    const docker = dockerUsable(environment);
    const { runner: _unused, ...withoutRunner } = ports;
    await checkPorts(docker ? ports : withoutRunner, leftovers.length > 0 ? 5000 : 0);
    const list = new ProcessList(paths.processes);
    const state = await loadState(paths);
    const gatewayEnv = gatewayEnvironment(paths, ports, state, environment);
    const settings = loadSettings(gatewayEnv);

    const server = { port: ports.postgres, password: state.postgres.superuser };
    const shared = await report.step('Postgres', async () => {
      const log = join(paths.logs, 'postgres.log');
      const postgres = await postgresPart({ ...server, dir: paths.postgres, log }, list);
      parts.push(postgres);
      await postgres.start();
      await ensureDatabases(postgresUrl(server, 'postgres'), [
        { role: 'gatehouse', password: state.postgres.gatehouse, database: 'gatehouse' },
        { role: 'n8n', password: state.postgres.n8n, database: 'n8n' },
      ]);
      await makeDemo(settings, postgresUrl(server, 'postgres'));
      return issueSharedSecrets(settings);
    });

    if (docker) {
      const token = await runnerToken(settings);
      const runner = runnerPart({ paths, port: ports.runner, token, user: environment }, list);
      parts.push(runner);
      await report.step('Sandbox runner', () => runner.start());
    } else report.say('        no Docker for this user: code tools answer sandbox_unavailable');

    const gateway = new Part(
      {
        name: 'gateway',
        spawn: () => spawnGateway(gatewayEnv, join(paths.logs, 'gateway.log')),
        healthy: () => gatewayAnswers(ports.internal),
        signals: ['SIGTERM', 'SIGKILL'],
        graceMs: 2500,
        startMs: 60_000,
        log: join(paths.logs, 'gateway.log'),
      },
      list,
    );
    parts.push(gateway);
    signal?.throwIfAborted();
    await report.step('Gateway', () => gateway.start());

    const program = await installProgram(report, signal);
    const overwrite = join(paths.n8n, 'credentials-overwrite.json');
    await writeFile(
      overwrite,
      JSON.stringify({ gatehouseApi: shared, gatehouseVaultSecret: { token: shared.token } }),
      { mode: 0o600 },
    );
    const publicUrl = (gatewayEnv.GATEHOUSE_PUBLIC_URL ?? `http://localhost:${ports.public}`).replace(
      /\/$/,
      '',
    );
    const owner = await loadOwner(paths.owner, editorUrl(publicUrl, ports.n8n));
    const n8nOptions: N8nOptions = {
      program,
      userFolder: paths.n8n,
      port: ports.n8n,
      brokerPort: ports.broker,
      postgres: { port: ports.postgres, password: state.postgres.n8n },
      keys: state.n8n,
      owner,
      publicUrl,
      credentialsOverwrite: overwrite,
      flowGuard: await buildFlowGuard(settings, paths.n8n),
      log: join(paths.logs, 'n8n.log'),
      user: environment,
      signal,
    };
    signal?.throwIfAborted();
    await report.step('Nodes packed and installed into n8n', () => installNodes(paths.n8n));
    await bringContent(n8nOptions, ports, report);
    signal?.throwIfAborted();
    const n8n = new Part(
      {
        name: 'n8n',
        spawn: () => spawnN8n(n8nOptions),
        healthy: () => n8nAnswers(n8nOptions),
        signals: ['SIGTERM', 'SIGKILL'],
        graceMs: 3500,
        startMs: 180_000,
        log: n8nOptions.log,
      },
      list,
    );
    parts.push(n8n);
    await report.step('n8n', () => n8n.start());
    const ready = (): Promise<void> => waitUntilReady(ports.internal, paths.logs, signal);
    await report.step('Signed ping through every workflow', ready);

    if (options.supervise !== false) {
      for (const part of parts) unwatch.push(supervise(part, report, (dead) => options.gaveUp?.(dead.name)));
    }
    const databaseUrl = gatewayEnv.GATEHOUSE_DATABASE_URL as string;
    await writeJson(paths.running, { settings: gatewaySettings(gatewayEnv) });
    const byName = (name: PartName): Part => parts.find((part) => part.name === name) as Part;
    return {
      urls: {
        chat: `${publicUrl}/`,
        approvals: `${publicUrl}/approvals`,
        receipts: `${publicUrl}/receipts`,
        internal: `http://127.0.0.1:${ports.internal}`,
        n8n: owner.url,
      },
      links: await demoLinks(gatewayEnv),
      databaseUrl,
      n8nDatabaseUrl: `postgres://n8n:${state.postgres.n8n}@127.0.0.1:${ports.postgres}/n8n`,
      postgresUrl: postgresUrl(server, 'postgres'),
      ports,
      owner: { email: owner.email, password: owner.password, file: paths.owner },
      get processes() {
        const pids = Object.fromEntries(parts.map((part) => [part.name, part.pid]));
        return pids as Partial<Record<PartName, number>>;
      },
      async restart(name) {
        await byName(name).stop();
        await byName(name).start();
      },
      ready,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

async function installProgram(report: Reporter, signal: AbortSignal | undefined): Promise<string> {
  const hint = n8nInstalled() ? undefined : '2.8 GB by its lockfile, once for this user; 3 to 10 minutes';
  return report.step('n8n installed', (note) => installN8n(note, signal), hint);
}

async function bringContent(options: N8nOptions, ports: Ports, report: Reporter): Promise<void> {
  const memory = join(options.userFolder, 'imported.json');
  const workflows = await readWorkflows(join(repository, 'workflows-json'));
  const credentials = credentialsFor(`http://127.0.0.1:${ports.internal}`);
  const hint = existsSync(memory)
    ? undefined
    : 'n8n sets up its database and takes them in; half a minute the first time';
  const { imported, offered, unpublished } = await report.step(
    'Workflows and credential in n8n',
    () => importContent(options, workflows, credentials, memory),
    hint,
  );
  if (imported.length > 0) report.say(`        imported and published: ${imported.join(', ')}`);
  for (const { name, path } of offered) {
    report.warn(
      `"${name}" was edited in n8n and is kept; ${path} is newer. To take it: archive and delete yours in n8n, then start again.`,
    );
  }
  for (const name of unpublished)
    report.warn(`"${name}" is not published in n8n, so nothing reaches it. Publish it in n8n.`);
}

async function waitUntilReady(internalPort: number, logs: string, signal?: AbortSignal): Promise<void> {
  const until = Date.now() + 60_000;
  for (;;) {
    signal?.throwIfAborted();
    const missing = await notReady(internalPort);
    if (missing.length === 0) return;
    if (Date.now() > until) {
      throw new GatehouseError('GH-UP-008', `Not ready after a minute. ${missing.join('; ')}.`, {
        status: 500,
        next: `Read the logs in ${logs}`,
      });
    }
    await sleep(200);
  }
}
