import { randomUUID } from 'node:crypto';
import type { Tool } from '../catalogue/index.ts';
import type { Engine } from './engine.ts';
import type { Charge } from './budgets.ts';
import { countRecipients, isUndoable, reachesNobody } from './destinations.ts';
import { noFacts, type Facts } from './facts.ts';
import { askPolicy } from './fail-closed.ts';
import { localTime } from './local-time.ts';
import { toCents } from './money.ts';
import { trace, type Sources } from './provenance/index.ts';
import type { Question } from './question.ts';
import type { Call, Environment, PolicyInput, Reason, RunContext, Verdict } from './types.ts';

/** A call that was canonicalised and evaluated, with the ids it gets once it is stored. */
export interface Judgement {
  run: RunContext;
  call: Call;
  id: string;
  digest: string;
  verdict: Verdict;
  /** What the rules saw; null where they were not asked. */
  input: PolicyInput | null;
  /** Canonical arguments; null for a denied call, whose arguments nobody needs again. */
  args: string | null;
  grant: string | null;
  /** What the call takes from its budgets once it runs. */
  charges: Charge[];
  /** The standing grant that lifted the gate of the call's class. */
  standing: string | null;
}

/** What evaluation needs besides the call. */
export interface Rules {
  engine: Engine | null;
  clock: () => Date;
  catalogue: Sources['catalogue'];
  surroundings?: Surroundings;
}

/** Where and in which hours calls are decided. */
export interface Surroundings {
  environment: Environment;
  /** The zone of the hours of a risk class; undefined for a class without hours. */
  zoneOf: (risk: string) => string | undefined;
}

const strictest: Surroundings = { environment: 'production', zoneOf: () => undefined };

const newDecisionId = (): string => `dec_${randomUUID()}`;

/** Stands among the reasons of such a decision, so on its card and in its receipts too. */
const advice: Reason = {
  code: 'advisory',
  text: 'n8n runs this tool with its own credential, so Gatehouse can only advise.',
};

/**
 * Asks the rules; nothing is stored.
 * @param facts what Postgres knows that the rules want to know of this call
 * @param results reads what tools returned earlier in the session
 */
export async function judge(
  rules: Rules,
  question: Question,
  facts: Facts = noFacts,
  results?: Sources['results'],
): Promise<Judgement> {
  const { run, call, digest, tool } = question;
  const id = newDecisionId();
  if (!tool) {
    const reasons = question.refusal ? [question.refusal] : [];
    const verdict: Verdict = { effect: 'deny', reasons, approvers: null };
    const nothing = { input: null, args: null, grant: null, charges: [], standing: null };
    return { run, call, id, digest, verdict, ...nothing };
  }
  const args = call.args as Record<string, unknown>;
  const advisory = call.advisory === true;
  const input = await policyInput(rules, { run, tool, args, advisory }, facts, results);
  const asked = await askPolicy(rules.engine, input);
  const verdict = advisory ? { ...asked, reasons: [...asked.reasons, advice] } : asked;
  return {
    run,
    call,
    id,
    digest,
    verdict,
    input,
    args: verdict.effect === 'deny' ? null : question.canonical,
    grant: verdict.effect === 'allow' && !advisory ? newGrant(id) : null,
    charges: facts.charges,
    standing: facts.standing,
  };
}

/** What the rules see of a call whose arguments were checked. */
export async function policyInput(
  rules: Omit<Rules, 'engine'>,
  {
    run,
    tool,
    args,
    advisory = false,
  }: { run: RunContext; tool: Tool; args: Record<string, unknown>; advisory?: boolean },
  facts: Facts = noFacts,
  results: Sources['results'] = () => Promise.resolve([]),
): Promise<PolicyInput> {
  const { catalogue, clock } = rules;
  const { environment, zoneOf } = rules.surroundings ?? strictest;
  const [now, zone] = [clock(), zoneOf(tool.risk)];
  const sources = { catalogue, tainted: facts.session.tainted, results, now };
  const provenance = await trace(run, tool, args, sources);
  const cents = tool.money ? toCents(args[tool.money.amount]) : null;
  const currency = tool.money ? args[tool.money.currency] : null;
  return {
    tool: toolFacts(tool),
    args,
    money: cents === null || typeof currency !== 'string' ? null : { cents, currency },
    leaves: provenance.leaves,
    anchored: provenance.anchored,
    ordered: provenance.ordered,
    undoable: isUndoable(tool, args),
    carried: provenance.carried,
    actor: run.actor,
    channel: run.channel,
    ingress: run.ingress,
    session: {
      ...facts.session,
      tainted: facts.session.tainted || provenance.foreign,
      outside: facts.session.outside || provenance.foreign,
    },
    advisory,
    standing: facts.standing !== null,
    recipients: {
      count: countRecipients(tool, args),
      firstTime: facts.firstTime,
      nobody: reachesNobody(tool, args),
    },
    rejectedBefore: facts.rejectedBefore,
    budgets: facts.budgets,
    uncovered: facts.uncovered,
    environment,
    now: toTheSecond(now),
    localTime: zone === undefined ? null : localTime(now, zone),
  };
}

/** What the rules see of a tool. */
export const toolFacts = (tool: Tool): PolicyInput['tool'] => ({
  name: tool.name,
  risk: tool.risk,
  connector: tool.connector.kind,
  kinds: tool.kinds,
  dataClass: tool.dataClass,
  money: Object.values(tool.money ?? {}),
});

let second = { number: NaN, text: '' };

/** RFC 3339. Writing it out costs a tenth of a decision, so that the calls of one second share it. */
function toTheSecond(time: Date): string {
  const number = Math.floor(time.getTime() / 1000);
  if (number !== second.number)
    second = { number, text: new Date(number * 1000).toISOString().replace('.000Z', 'Z') };
  return second.text;
}

/** A decision's grant: names its decision, and cannot be guessed (122 random bits). */
export function newGrant(decisionId: string): string {
  return `grant_${decisionId.slice('dec_'.length)}_${randomUUID()}`;
}

/** The decision that a grant names; null for what is not a grant of ours. */
export function decisionOf(grant: string): string | null {
  const uuid = /^grant_([0-9a-f-]{36})_[0-9a-f-]{36}$/.exec(grant)?.[1];
  return uuid === undefined ? null : `dec_${uuid}`;
}
