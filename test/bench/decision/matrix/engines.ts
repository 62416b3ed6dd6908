import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { loadCatalogue } from '../../../../gateway/catalogue/index.ts';
import { freePorts } from '../../../../gateway/cli/up/index.ts';
import { buildBundle, policyInput, readPolicyData } from '../../../../gateway/policy/index.ts';
import { chargesOf } from '../../../../gateway/policy/budgets.ts';
import { entrypoint, ownEntrypoint } from '../../../../gateway/policy/build.ts';
import { builtins } from '../../../../gateway/policy/builtins/index.ts';
import { loadEngine, loadPolicySync } from '../../../../gateway/policy/engine.ts';
import { noFacts } from '../../../../gateway/policy/facts.ts';
import { judge } from '../../../../gateway/policy/judge.ts';
import { questionOf } from '../../../../gateway/policy/question.ts';
import { opaProgram, serveOpa } from '../opa.ts';
import { asked, policiesFor, type Example, type Outcome, type RuleSet } from './cases.ts';

/** An engine that was loaded with one set of rules. */
export interface Loaded {
  /** @returns how to decide the call; all that its caller would have at hand is made beforehand */
  prepare(example: Example, bytes: number): Promise<() => Outcome | Promise<Outcome>>;
  close?(): Promise<void>;
}

/** Gatehouse, and its own rules in bare opa-wasm and in an OPA server: the same rules, data and input. */
export async function ourEngines(set: RuleSet): Promise<Record<'ours' | 'wasm' | 'rest', Loaded>> {
  const program = await opaProgram();
  const { dir, remove } = await policiesFor(set, program);
  const { data, limits } = await readPolicyData(dir, new Date());
  const catalogue = loadCatalogue(dir);
  const { engine } = await loadEngine(dir, data);
  const rules = { engine, catalogue, clock: () => new Date() };
  const inputOf = async (example: Example, bytes: number): Promise<object> => {
    const { run, call } = asked(example, bytes);
    const tool = catalogue.get(call.tool);
    // Without the catalogue nobody refuses a tool that is not there; the rules see one without a class.
    if (!tool) return { tool: { name: call.tool, risk: '' } };
    return policyInput(rules, { run, tool, args: call.args as Record<string, unknown> });
  };

  const load = async (name: string): Promise<ReturnType<typeof loadPolicySync>> => {
    const policy = loadPolicySync(await readFile(join(dir, name)), {}, builtins);
    policy.setData(data);
    return policy;
  };
  const shipped = await load('policy.wasm');
  const own = set.kind === 'rules' ? await load('local.wasm') : undefined;

  const bundle = join(dir, 'bundle.tar.gz');
  await buildBundle(program, dir, bundle, data);
  const { internal: port } = await freePorts();
  const server = await serveOpa(['--bundle', bundle], 'served/answer', port);
  const dispatcher = new Agent({ connections: 1, pipelining: 1 });
  let message = 0;
  return {
    ours: {
      async prepare(example, bytes) {
        const { run, call } = asked(example, bytes);
        return async () => {
          // A message of its own each time: what its sender typed is read anew.
          const question = questionOf(catalogue, { ...run, messageId: `web:${(message += 1)}` }, call);
          const { tool } = question;
          const args = call.args as Record<string, unknown>;
          const charges = tool ? chargesOf(limits.budgets, run, tool, args) : undefined;
          const { verdict } = await judge(rules, question, { ...noFacts, ...charges });
          return outcomeOf([verdict.effect]);
        };
      },
    },
    wasm: {
      async prepare(example, bytes) {
        const input = await inputOf(example, bytes);
        return () => {
          const [decision] = shipped.evaluate(input, entrypoint) as [{ result: Decision }];
          const [added] = (own?.evaluate(input, ownEntrypoint) ?? []) as [{ result: Own }?];
          return united(decision.result, added?.result ?? null);
        };
      },
    },
    rest: {
      async prepare(example, bytes) {
        const body = JSON.stringify({ input: await inputOf(example, bytes) });
        return async () => {
          const answer = await request(server.url, {
            dispatcher,
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body,
          });
          const { result } = (await answer.body.json()) as {
            result: { decision: Decision; own: Own | null };
          };
          return united(result.decision, result.own);
        };
      },
      async close() {
        await dispatcher.close();
        await server.stop();
        await remove();
      },
    },
  };
}

interface Decision {
  effect: string;
}
interface Own {
  denials: object[];
  approvals: object[];
  confirmations: object[];
}

const united = ({ effect }: Decision, own: Own | null): Outcome =>
  outcomeOf([
    effect,
    ...(own?.denials.length ? ['deny'] : []),
    ...(own?.approvals.length ? ['approve'] : []),
    ...(own?.confirmations.length ? ['confirm'] : []),
  ]);

/** The strictest of several effects. */
function outcomeOf(effects: string[]): Outcome {
  if (effects.includes('deny')) return 'deny';
  return effects.every((effect) => effect === 'allow') ? 'allow' : 'ask';
}
