import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { AgentDeps, ShownRun } from '../../../gateway/agent/index.ts';
import type { Logger } from '../../../gateway/config/index.ts';
import type { RunContext } from '../../../gateway/policy/index.ts';
import { prepareDemo } from '../../../gateway/tools/index.ts';
import { createSecretStore } from '../../../gateway/vault/index.ts';
import { FakeOpenAi, type Answer, type Asked, type Trouble } from '../../fixtures/openai/index.ts';
import { administer, testDatabase, testServer } from '../../support/postgres.ts';
import { policiesWith } from '../policy/support.ts';
import { openHouse, type Ground, type House, type Rooms } from './house.ts';

/** All that agent tests stand on: a model that follows a script, Postgres, the demo's systems, and the rooms between. */
export interface Site {
  ground: Ground;
  model: FakeOpenAi;
  /** The demo's own database. */
  demo: pg.Pool;
  /** Another gateway over the same ground. */
  house(change?: (deps: AgentDeps) => Partial<AgentDeps>, log?: Logger, rooms?: Rooms): Promise<House>;
}

type Context = { after(work: () => Promise<void>): void };

/**
 * @param models text of models.yaml, by the base URL of the model
 * @param policies more files of policies, by their names
 */
export async function site(
  context: Context,
  models: (url: string) => string = plainModels,
  policies: Record<string, string> = {},
): Promise<Site> {
  const ends: (() => Promise<unknown>)[] = [];
  context.after(async () => {
    for (const end of ends.reverse()) await end();
  });
  const database = await testDatabase(2);
  ends.push(() => database.drop());
  const model = await new FakeOpenAi().start();
  ends.push(() => model.stop());
  const dataDir = await mkdtemp(join(tmpdir(), 'gatehouse-agent-'));
  ends.push(() => rm(dataDir, { recursive: true }));
  const policiesDir = await policiesWith({ ...policies, 'models.yaml': models(model.url) }, context);
  const store = createSecretStore({ dataDir });
  await store.set('model/key', model.key);
  const name = `demo_${randomBytes(5).toString('hex')}`;
  await prepareDemo({ adminUrl: testServer(), store, database: name });
  const demoUrl = Object.assign(new URL(testServer()), { pathname: `/${name}` });
  const demo = new pg.Pool({ connectionString: demoUrl.href, max: 2 });
  ends.push(async () => {
    await demo.end();
    await administer(testServer(), `drop database ${name} with (force)`);
    await administer(testServer(), `drop role ${name}_service, ${name}_reader`);
  });
  const ground = { databaseUrl: database.url, dataDir, policiesDir };
  return {
    ...{ ground, model, demo },
    async house(change, log, rooms) {
      const house = await openHouse(ground, change, log, rooms);
      ends.push(() => house.close());
      return house;
    },
  };
}

/** One site for all tests of a file, with a gateway that works on its runs. */
export async function workingHouse(): Promise<{ at: Site; house: House }> {
  const ends: (() => Promise<void>)[] = [];
  after(async () => {
    for (const end of ends) await end();
  });
  const at = await site({ after: (work) => void ends.push(work) });
  const house = await at.house();
  house.agent.work();
  return { at, house };
}

/** One local model for all tasks. */
export const plainModels = (url: string): string => `
endpoints:
  here: { url: '${url}', secret: model/key, local: true, highest: personal }
models:
  one: { endpoint: here, class: large, price: { in: '1', out: '2' }, output: 1000 }
tasks: { plan: [one], draft: [one], extract: [one] }
`;

/** Says these one after the other, whatever is asked. */
export function says(...answers: (Answer | Trouble)[]): () => Answer | Trouble {
  const left = [...answers];
  return () => left.shift() ?? { text: 'The script is over.' };
}

/** Calls tools by their catalogue names. */
export const calls = (...list: [name: string, args: unknown][]): Answer => ({
  calls: list.map(([name, args]) => ({ name: name.replaceAll('.', '_'), args })),
});

/** The text of the last turns that are results of tools. */
export const resultsIn = ({ turns }: Asked): string[] =>
  turns.slice(turns.findLastIndex(({ role }) => role !== 'tool') + 1).map(({ text }) => text);

/** Lets another gateway work on the runs of this ground until it is killed. @param point see crashing.ts */
export async function dieAt(ground: Ground, point: string): Promise<void> {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./crashing.ts', import.meta.url)), JSON.stringify(ground), point],
    { stdio: ['ignore', 'ignore', 'inherit'], env: process.env },
  );
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL');
}

/** Waits until a run is in one of these states. @throws after 10 s */
export async function runIn(
  house: Pick<House, 'agent'>,
  context: RunContext,
  id: string,
  ...states: ShownRun['state'][]
): Promise<ShownRun> {
  const end = Date.now() + 10_000;
  for (;;) {
    const run = await house.agent.show(context, id);
    if (states.includes(run.state)) return run;
    if (Date.now() > end) throw new Error(`the run is ${run.state}: ${JSON.stringify(run)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
