import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import type { Express } from 'express';
import { PgBoss } from 'pg-boss';
import {
  cancelled,
  createAgent,
  createModels,
  createProgress,
  createPrompts,
  createWaits,
  createWatch,
} from './agent/index.ts';
import { createApprovals, n8nExecutions, waitingProxy } from './approvals/index.ts';
import { createContinuity, headsFileOf, listReceipts, startSealer } from './audit/index.ts';
import { callOf, loadCatalogue } from './catalogue/index.ts';
import { attachmentBounds, attachmentEndings, createWeb, type OfferedFile } from './channels/index.ts';
import { reservedFolders, type Logger, type Settings } from './config/index.ts';
import { migrate, openPool, Signals, transaction, type Pool } from './db/index.ts';
import { createAttachments, createDelivery, type Delivery } from './delivery/index.ts';
import { examine } from './doctor/index.ts';
import { createEgress } from './egress/index.ts';
import { createPostgresExecutor, createSchedules, dueOf } from './durable/index.ts';
import { createFactors } from './factors/index.ts';
import {
  createPolicy,
  createRevisions,
  openEpoch,
  shadowReport,
  startShadow,
  type Shadow,
} from './policy/index.ts';
import { readiness } from './readiness.ts';
import { createReloader, together } from './reload.ts';
import { createSandbox } from './sandbox/index.ts';
import {
  apiRoutes,
  close,
  databaseCheck,
  internalApp,
  listen,
  openApiDocuments,
  problemOf,
  publicApp,
  runChecks,
} from './server/index.ts';
import {
  createAutomations,
  createClients,
  createLimits,
  createPairing,
  createPeople,
  createSignIn,
  createTerminals,
  type People,
} from './sessions/index.ts';
import {
  createConnectors,
  createKeptResults,
  createPreviews,
  createTools,
  runScheduled,
} from './tools/index.ts';
import {
  createBox,
  createLeases,
  createRotations,
  createVaultSessions,
  openSecrets,
  type RotationFailure,
  type SecretStore,
} from './vault/index.ts';
import { acceptor, vendorChannels, vendorWebhooks } from './vendors.ts';
import { watchFolder } from './watch.ts';
import { mountWeb, webErrorPages, webNotFound } from './web/index.ts';

/** A gateway that was put together and listens. */
export interface Gateway {
  stop(): Promise<void>;
}

type Stops = (() => unknown)[];

/**
 * Puts the rooms together and starts them: the one place that knows all of them.
 * @throws GatehouseError naming what has to be mended before the gateway can start
 */
export async function startGateway(settings: Settings, log: Logger): Promise<Gateway> {
  const stops: Stops = [];
  const stop = async (): Promise<void> => {
    for (const step of stops.splice(0).reverse()) {
      await Promise.resolve(step()).catch((error: unknown) =>
        log.warn({ err: error }, 'a part did not stop cleanly'),
      );
    }
  };
  try {
    await assemble(settings, log, stops);
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

async function assemble(settings: Settings, log: Logger, stops: Stops): Promise<void> {
  const clock = (): Date => new Date();
  await mkdir(settings.dataDir, { recursive: true, mode: 0o700 });
  const continuity = createContinuity(settings.dataDir);
  const pool = openPool(settings.databaseUrl, 20, (db) => continuity.check(db));
  stops.push(() => pool.end());
  await migrate(pool);
  const signals = new Signals(settings.databaseUrl);
  stops.push(() => signals.stop());
  const boss = new PgBoss({ connectionString: settings.databaseUrl, max: 4 });
  boss.on('error', (error) => log.error({ err: error }, 'the queue reported an error'));
  await boss.start();
  stops.push(() => boss.stop({ graceful: false }));

  const vaultSessions = createVaultSessions(pool, log);
  const store = await openSecrets({
    ...settings,
    production: settings.environment === 'production',
    log,
    remember: vaultSessions.remember,
  });
  stops.push(() => store.close());
  const signingSecret = await installationSecret(store, 'n8n/signing-secret', 'whsec_');
  const files = { filesDir: settings.filesDir, reserved: reservedFolders(settings) };
  const catalogue = loadCatalogue(settings.policiesDir, files.reserved);
  const { policiesDir } = settings;
  const admit = createRevisions({ pool, dataDir: settings.dataDir });
  const people = await createPeople({ pool, policiesDir, admit: admit('people') });
  const automations = await createAutomations({
    policiesDir,
    knows: (tool) => catalogue.get(tool) !== undefined,
    admit: admit('automations'),
  });
  const limits = await createLimits({ policiesDir, admit: admit('limits') });
  const epoch = openEpoch(settings.dataDir);
  const shadow = startedShadow(settings, pool, log);
  if (shadow) stops.push(() => shadow.stop());
  const policy = await createPolicy({
    pool,
    policiesDir,
    catalogue,
    clock,
    epoch,
    people,
    environment: settings.environment,
    settings,
    beside: () => [people.version, automations.version, limits.version],
    admit,
    shadow,
  });
  stops.push(() => policy.stop());
  const web = createWeb();
  const egress = createEgress();
  const channels = vendorChannels(settings, { secrets: (name) => store.get(name), egress, log });
  const pairing = createPairing({ pool, people });
  const box = createBox(settings);
  const factors = createFactors({ pool, box, publicUrl: settings.publicUrl });
  const delivery = createDelivery({
    automations,
    pool,
    signals,
    boss,
    settings,
    adapters: new Map([web, ...channels].map((adapter) => [adapter.kind, adapter])),
    people,
    pairing,
    factors,
    limits,
    callOf: (command) => callOf(catalogue.list(), command),
    signingSecret,
    sessionSecret: createSecretKey(await installationSecret(store, 'gateway/session-key', ''), 'base64'),
    clock,
    log,
  });
  const executions = settings.n8nDatabaseUrl === undefined ? null : n8nExecutions(settings.n8nDatabaseUrl);
  if (executions) stops.push(() => executions.end());
  const executionState = executions ? (id: string) => executions.state(id) : undefined;
  const leases = createLeases(store);
  const rotations = createRotations({
    pool,
    secrets: store,
    box,
    log,
    alarm: rotationAlarm({ pool, delivery, log }),
  });
  const preview = createPreviews({ pool, catalogue, leases, policy, log, files });
  const approvals = createApprovals({
    pool,
    signals,
    policy,
    catalogue,
    delivery,
    preview,
    people,
    automations,
    settings,
    signingSecret,
    clock,
    log,
    executionState,
    classOf: (tool) => policy.approvalClass(catalogue.get(tool)?.risk ?? ''),
    // A class that approvals.yaml leaves out marks nothing as strict; a tool that is gone could be of any class.
    isStrict: (name) => {
      const tool = catalogue.get(name);
      return tool ? (policy.approvalClass(tool.risk)?.strict ?? false) : true;
    },
    mostAsks: () => policy.mostAsks(),
    factors,
  });
  const models = await createModels({ policiesDir });
  const prompts = await createPrompts({ policiesDir });
  const sandbox = createSandbox({ runnerUrl: settings.runnerUrl, token: await store.get('runner/token') });
  const attachments = createAttachments(pool, settings);
  const executor = createPostgresExecutor({ boss, log });
  const tools = createTools({
    pool,
    policy,
    catalogue,
    leases,
    preview,
    approvals,
    connectors: createConnectors({
      delivery,
      approvals,
      catalogue,
      sandbox,
      results: createKeptResults(pool),
      attachments,
      renewSecret: (name, value) => rotations.replaced(name, value),
      files,
      egress,
    }),
    epoch,
    executor,
    runContext: (db, id) => delivery.runContext(db, id),
    log,
  });
  const progress = createProgress({
    ...{ pool, catalogue, models, log },
    ...{ chat: delivery, publicUrl: settings.publicUrl },
  });
  const agent = createAgent({
    ...{ pool, signals, policy, catalogue, tools, approvals, leases, egress, models, prompts, log },
    progress,
    runContext: (db, id) => delivery.runContext(db, id),
  });
  const waits = createWaits({
    ...{ pool, signals, agent, progress, models, approvals, delivery, settings, signingSecret, clock, log },
    executionState,
  });
  const sealer = await startSealer({ pool, headsFile: headsFileOf(settings.dataDir), log });
  stops.push(() => sealer.stop());
  // Whoever puts a backup back has to move the heads aside: what was open in it may have been done since.
  if (sealer.unwitnessed) epoch.bump();

  delivery.onAction((click) => approvals.click(click));
  delivery.onCancel(async (of) => cancelled(await agent.cancel(of)));
  const accept = acceptor(delivery);
  const routes = apiRoutes({
    pool,
    policy,
    catalogue: () => catalogue,
    approvals,
    delivery,
    tools,
    agent,
    waits,
  });
  const reloader = createReloader(
    // A schedule may come with the tool that it calls: the catalogue, which is read with the policy, goes before it.
    { limits, models, prompts, ...together(policy, people), automations, ...(shadow ? { shadow } : {}) },
    log,
  );
  const checks = readiness({ settings, database: databaseCheck(pool), delivery, reloader, sealer, shadow });
  const clients = createClients({ pool });
  const signIn = createSignIn({ pool, demo: settings.demo });
  const terminals = createTerminals({ pool });

  await policy.watchClock();
  const clockWatch = setInterval(() => {
    policy.watchClock().catch((error: unknown) => log.warn({ err: error }, 'the clock could not be watched'));
  }, 5000);
  stops.push(() => clearInterval(clockWatch));
  await signals.start();
  await tools.recover();
  const endLostSessions = (): void => {
    vaultSessions
      .sweep(store)
      .catch((error: unknown) => log.warn({ err: error }, 'the sweep of sessions failed'));
  };
  endLostSessions();
  const recovery = setInterval(() => {
    tools.recover(600).catch((error: unknown) => log.warn({ err: error }, 'recovery of attempts failed'));
    endLostSessions();
  }, 60_000);
  stops.push(() => clearInterval(recovery));
  await executor.start(async (job) => {
    const due = dueOf(job);
    await (due ? runScheduled({ pool, automations, delivery, tools, log }, due) : tools.tryAgain(job));
  });
  stops.push(() => executor.stop());
  const awakening = setInterval(() => {
    tools
      .awaken()
      .catch((error: unknown) => log.warn({ err: error }, 'planned calls could not be looked for'));
  }, 5000);
  stops.push(() => clearInterval(awakening));
  stops.push(rotations.start());
  const reload = (): void => void reloader.reload().then(() => approvals.rulesReloaded());
  process.on('SIGHUP', reload);
  stops.push(() => process.off('SIGHUP', reload));
  stops.push(watchFolder(settings.policiesDir, reload, log));
  await delivery.start();
  stops.push(() => delivery.stop());
  await approvals.start();
  stops.push(() => approvals.stop());
  agent.work();
  stops.push(() => agent.rest());
  waits.start();
  stops.push(() => waits.stop());
  stops.push(createSchedules({ pool, executor, list: () => automations.scheduled(), log }).start());

  const openapi = openApiDocuments(routes, settings.internalUrl, catalogue);
  const internal = internalApp({ routes, clients, checks, openapi: () => openapi(true), log });
  const internalServer = await listen(
    internal,
    settings.internalHost,
    settings.internalPort,
    'GATEHOUSE_INTERNAL_PORT',
  );
  stops.push(() => close(internalServer));
  const pages = (app: Express): void => {
    const deps = {
      publicUrl: settings.publicUrl,
      pool,
      signals,
      people,
      signIn,
      terminals,
      attachments: { ...attachmentBounds, endings: attachmentEndings },
      submit: async (principal: string, text: string, given: readonly OfferedFile[]) => {
        const display = people.get(principal)?.display ?? principal;
        const message = web.message(principal, display, text, given);
        await attachments.makeSure(principal, message.attachments);
        const [outcome] = await delivery.ingest([message]);
        return outcome ?? 'dead';
      },
      approvals,
      runs: { ...createWatch({ pool, models, catalogue }), ...agent },
      factors,
      identities: {
        question: (code: string, principal: string) => pairing.question(code, principal),
        answer: async (code: string, principal: string, yes: boolean) =>
          (await delivery.answerLink(code, { channel: 'web', account: 'local', id: principal }, yes)) !==
          null,
      },
      policy: {
        ...policy,
        overview: () => policy.overview(rolesOf(people)),
        shadow: () => shadowReport(pool),
      },
      doctor: () =>
        examine({ settings, pool, inUse: policy.version, readiness: () => runChecks(checks), now: clock() }),
      audit: { listReceipts },
      openapi,
      problemOf,
      log,
    };
    const mounted = mountWeb(app, deps);
    stops.push(() => mounted.stop());
    app.use(webNotFound);
    app.use(webErrorPages(deps));
  };
  const publicServer = await listen(
    publicApp({
      webhooks: vendorWebhooks(settings, channels),
      accept,
      waiting: waitingProxy({ n8nUrl: settings.n8nUrl, log }),
      pages,
      checks,
      log,
    }),
    settings.publicHost,
    settings.publicPort,
    'GATEHOUSE_PUBLIC_PORT',
  );
  // Stops run backwards: live streams end before the listener waits for its connections.
  stops.splice(stops.length - 1, 0, () => close(publicServer));

  for (const adapter of channels) {
    await adapter.start((inbound) => accept(inbound, adapter.kind));
    stops.push(() => adapter.stop());
  }
}

/** The roles that people have here, and those that the rules know by themselves. */
const rolesOf = (people: People): string[] => [
  ...new Set([...people.list().flatMap((person) => person.roles), 'viewer', 'guest', 'automation']),
];

/** The candidate that decides beside the policy in force, where one is named. */
function startedShadow(settings: Settings, pool: Pool, log: Logger): Shadow | undefined {
  const { shadowPoliciesDir: path, policiesDir: beside } = settings;
  return path === undefined ? undefined : startShadow({ pool, path, beside, log });
}

/** Tells the owner of a secret, once for each time that its rotation begins to fail. */
function rotationAlarm({
  pool,
  delivery,
  log,
}: {
  pool: Pool;
  delivery: Pick<Delivery, 'notify'>;
  log: Logger;
}): (failure: RotationFailure) => Promise<void> {
  return async ({ secret, owner, since, text }) => {
    if (owner === undefined) return;
    const id = `rotation ${secret} ${since.getTime()}`;
    const body = {
      text: `The secret ${secret} could not be rotated; the former value stays in use. ${text}`,
    };
    await transaction(pool, (tx) =>
      delivery.notify(tx, { principal: owner, id, card: id, body, to: () => true }),
    ).catch((error: unknown) => log.warn({ err: error, secret }, 'the owner of a secret was not told'));
  };
}

/** A secret of the installation itself: made at the first start, the same ever after. */
async function installationSecret(store: SecretStore, name: string, prefix: string): Promise<string> {
  const known = await store.get(name);
  if (known !== undefined) return known;
  const made = `${prefix}${randomBytes(32).toString('base64')}`;
  await store.set(name, made);
  return made;
}
