import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { modelKeys } from '../agent/index.ts';
import { chainState } from '../audit/index.ts';
import { checkCatalogue, loadCatalogue, riskClasses } from '../catalogue/index.ts';
import { createLogger, reservedFolders, type Settings } from '../config/index.ts';
import type { Pool } from '../db/index.ts';
import { createEgress } from '../egress/index.ts';
import { withoutFactor } from '../factors/index.ts';
import {
  checkOpa,
  createPolicy,
  listKillSwitches,
  readApprovalClasses,
  readOverrides,
  ruleFiles,
} from '../policy/index.ts';
import { createAutomations, readPeople } from '../sessions/index.ts';
import { listJobs, listPauses } from '../tools/index.ts';
import {
  copyRows,
  openSecrets,
  readCopies,
  rotationRows,
  rotationWaits,
  secretsInUse,
  vaultExcess,
} from '../vault/index.ts';
import { readExemptions } from '../workflows/index.ts';
import { answerOf, placeOf } from './answer.ts';
import {
  flowGuardFindings,
  gatewayFindings,
  killSwitchFindings,
  n8nFindings,
  receiptsFindings,
  sandboxFindings,
  type Readiness,
} from './around.ts';
import { catalogueFindings } from './catalogue.ts';
import { copiesFindings } from './copies.ts';
import { channelsFindings } from './channels.ts';
import { jobsFindings } from './jobs.ts';
import { diagnosisOf, failure, note, ok, type Diagnosis, type Finding, type Topic } from './finding.ts';
import { peopleFindings } from './people.ts';
import { readPolicyFiles } from './policy-files.ts';
import { lookAtPostgres, postgresFindings } from './postgres.ts';
import { overridesFindings, rulesFindings } from './rules.ts';
import { rotationFindings } from './rotation.ts';
import { scopesFindings } from './scopes.ts';
import { excessFindings, secretsFindings, sharedFindings, type KnownSecrets } from './secrets.ts';
import { filesFindings, settingsFindings } from './setup.ts';

/** An installation to look at. */
export interface Subject {
  settings: Settings;
  /** Nothing is written by it. */
  pool: Pool;
  /** Why there is no database to ask, where none is named. */
  noDatabase?: unknown;
  /** What the running gateway says of itself; null where none answers. */
  readiness(): Promise<Readiness | null>;
  /** The policy version of the running gateway, where it is known. */
  inUse?: string;
  now?: Date;
}

/**
 * Looks at everything that an installation needs, and changes nothing. What cannot be asked is a finding too; nothing is
 * thrown.
 */
export async function examine(subject: Subject): Promise<Diagnosis> {
  const { settings, now = new Date() } = subject;
  const { policiesDir } = settings;
  const [postgres, secrets] = await Promise.all([
    subject.noDatabase === undefined ? lookAtPostgres(subject.pool) : null,
    lookAtSecrets(settings),
  ]);
  const db = postgres && 'pending' in postgres && postgres.pending.length === 0 ? subject.pool : null;
  const stored =
    'secrets' in secrets
      ? secrets.secrets.flatMap(({ name, info, perCall }) => (info || perCall ? [name] : []))
      : [];
  const withDb = async (check: string, work: (pool: Pool) => Promise<Finding[]>): Promise<Finding[]> =>
    db ? work(db) : [note(check, 'Not looked at: it needs Postgres with its tables up to date.')];

  return diagnosisOf(
    await Promise.all([
      topic('Settings', () => [ok('settings', 'The settings are valid.'), ...settingsFindings(settings)]),
      topic('Files', async () => [
        ...filesFindings(dataFiles(settings)),
        ...('secrets' in secrets
          ? [...secretsFindings(secrets, now), ...excessFindings(secrets.excess)]
          : [secrets]),
        ...('secrets' in secrets && db ? rotationFindings(secrets.secrets, await rotationRows(db), now) : []),
      ]),
      topic('Postgres', () =>
        postgres
          ? postgresFindings(postgres, settings.environment)
          : [failure('postgres', subject.noDatabase)],
      ),
      topic('Rules', () => rules(subject, now)),
      topic('Overrides', async () => overridesFindings((await readOverrides(policiesDir, now)).list, now)),
      topic('Tools', async () => {
        const { tools, faults } = checkCatalogue(policiesDir, reservedFolders(settings));
        const list = [...tools.values()];
        const keys = await modelKeys(settings);
        return [
          ...catalogueFindings({ tools: list, keys, faults }, stored),
          ...sharedFindings(secretsInUse([...list, ...keys])),
          ...('scopes' in secrets ? secrets.scopes : []),
        ];
      }),
      topic('Channels', () =>
        'names' in secrets
          ? channelsFindings(settings, stored)
          : [note('channels', 'Not looked at: the secrets cannot be read.')],
      ),
      topic('People and approvals', () => people(policiesDir, db, now)),
      topic('Flow guard', async () =>
        flowGuardFindings(settings.flowGuard, await readExemptions(policiesDir), now),
      ),
      topic('Kill switch', () =>
        withDb('kill-switch', async (pool) => killSwitchFindings(await listKillSwitches(pool))),
      ),
      topic('Calls that wait', () =>
        withDb('waiting', async (pool) => jobsFindings(await listJobs(pool), await listPauses(pool))),
      ),
      topic('Receipts', () =>
        withDb('receipts', async (pool) =>
          receiptsFindings(await chainState(pool, join(settings.dataDir, 'receipt-heads.jsonl'))),
        ),
      ),
      topic('n8n', async () => n8nFindings(new URL(settings.n8nUrl).origin, await answerOf(settings.n8nUrl))),
      topic('Secrets in n8n', async () => {
        const copies = await readCopies(policiesDir);
        return copies.length > 0 || db
          ? withDb('copies', async (pool) => copiesFindings(copies, await copyRows(pool), now))
          : [ok('copies', 'No secret is declared to be copied into n8n.')];
      }),
      topic('The running gateway', async () => gatewayFindings(await subject.readiness())),
      topic('Sandbox', async () => {
        const { runnerUrl } = settings;
        return sandboxFindings({
          origin: runnerUrl === undefined ? null : placeOf(runnerUrl),
          token: stored.includes('runner/token'),
          answer: runnerUrl === undefined ? null : await answerOf(runnerUrl),
        });
      }),
    ]),
  );
}

/** The topic with what `work` finds, or with why it could not look. */
async function topic(name: string, work: () => Finding[] | Promise<Finding[]>): Promise<Topic> {
  try {
    return { topic: name, findings: await work() };
  } catch (error) {
    return { topic: name, findings: [failure(name.toLowerCase().replaceAll(' ', '-'), error)] };
  }
}

/** Loads all that decides as a start does, for nothing but its version and its faults. */
async function rules({ settings, pool, inUse }: Subject, now: Date): Promise<Finding[]> {
  const { policiesDir, opaUrl } = settings;
  const { faults, people, beside } = await readPolicyFiles(policiesDir, now);
  if (faults.length > 0) return faults.map((fault) => failure('rules', fault));
  const policy = await createPolicy({
    pool,
    policiesDir,
    catalogue: loadCatalogue(policiesDir),
    clock: () => now,
    epoch: { current: () => 0, bump: () => 0 },
    people: people ?? undefined,
    settings: { ...settings, opaUrl: undefined },
    beside: () => beside,
  });
  const findings = rulesFindings({
    own: await ruleFiles(policiesDir, 'local'),
    version: policy.version,
    inUse,
  });
  if (opaUrl === undefined) return findings;
  const { origin } = new URL(opaUrl);
  return checkOpa(policiesDir, opaUrl, now).then(
    () => [...findings, ok('opa', `The OPA at ${origin} serves these very rules and data.`)],
    (error: unknown) => [...findings, failure('opa', error)],
  );
}

async function people(policiesDir: string, db: Pool | null, now: Date): Promise<Finding[]> {
  const [draft, approvals, automations] = await Promise.all([
    readPeople(policiesDir),
    readApprovalClasses(policiesDir),
    createAutomations({ policiesDir }),
  ]);
  const classes = riskClasses.flatMap((risk) => {
    const entry = approvals.get(risk);
    if (!entry) return [];
    const escalated = entry.escalate.flatMap(({ groups }) => groups);
    const inGroups = (groups: readonly string[]): string[] =>
      draft.byGroups(groups).map(({ principal }) => principal);
    return [
      {
        risk,
        approvals: entry,
        members: inGroups(entry.groups),
        deciders: inGroups([...entry.groups, ...escalated]),
      },
    ];
  });
  const strict = classes.filter((one) => one.approvals.strict).flatMap(({ deciders }) => deciders);
  return peopleFindings({
    count: draft.file.people.length,
    classes,
    withoutFactor: db ? await withoutFactor(db, [...new Set(strict)]) : null,
    standIns: draft.file.standIns,
    ownerless: automations.list().filter(({ owner }) => draft.get(owner) === undefined),
    now,
  });
}

const modeOf = (path: string): number | null => statSync(path, { throwIfNoEntry: false })?.mode ?? null;

const keyOf = ({ dataDir, keyFile }: Settings): string => keyFile ?? join(dataDir, 'secrets.key');
const hasStore = ({ dataDir }: Settings): boolean => existsSync(join(dataDir, 'secrets.json'));

function dataFiles(settings: Settings): Parameters<typeof filesFindings>[0] {
  const { dataDir, keyFile, passphraseFile } = settings;
  return {
    dataDir,
    dataMode: modeOf(dataDir),
    keyFile: keyOf(settings),
    keyMode: modeOf(keyOf(settings)),
    keyNamed: keyFile !== undefined,
    store: hasStore(settings),
    passphrase:
      passphraseFile === undefined ? undefined : { file: passphraseFile, mode: modeOf(passphraseFile) },
  };
}

interface Looked extends KnownSecrets {
  /** What the accounts of Vaults may do too much. */
  excess: Awaited<ReturnType<typeof vaultExcess>>;
  /** What the vendors tell of tokens. */
  scopes: Finding[];
}

/** The secrets, those of the gateway's own store opened once; values go nowhere. A store without its key is none yet. */
async function lookAtSecrets(settings: Settings): Promise<Looked | Finding> {
  // Opening the store would make the key.
  if (!hasStore(settings) || (settings.passphraseFile === undefined && !existsSync(keyOf(settings))))
    return { secrets: [], closed: [], stores: [], excess: [], scopes: [], rotationWaits: false };
  try {
    const production = settings.environment === 'production';
    const all = await openSecrets({ ...settings, production, log: createLogger('silent'), lookOnly: true });
    try {
      const tools = [...checkCatalogue(settings.policiesDir).tools.values()];
      // A models.yaml that cannot be read is told of with the tools.
      const keys = await modelKeys(settings).catch(() => []);
      const used = secretsInUse([...tools, ...keys]);
      const closed: string[] = [];
      for (const { name } of await all.list()) await all.get(name).catch(() => closed.push(name));
      return {
        secrets: await all.overview([...used.keys()]),
        closed,
        stores: await all.check(),
        excess: await vaultExcess(all, used),
        scopes: await scopesFindings(tools, (name) => all.get(name), createEgress()),
        rotationWaits: await rotationWaits(settings),
      };
    } finally {
      await all.close();
    }
  } catch (error) {
    return failure('secrets', error);
  }
}
