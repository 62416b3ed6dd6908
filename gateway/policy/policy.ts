import type { Catalogue, NextCatalogue, Tool } from '../catalogue/index.ts';
import type { Settings } from '../config/index.ts';
import {
  GroupCommit,
  inOneGo,
  transaction,
  type Pool,
  type Queryable,
  type Transaction,
} from '../db/index.ts';
import { digestOfText } from '../envelope/index.ts';
import type { ApprovalClass, ApprovalClasses, Members } from './approval-classes.ts';
import { chargesOf, type Charge } from './budgets.ts';
import { readPolicyData } from './data.ts';
import { loadEngine, type Engine } from './engine.ts';
import { answering } from './candidate.ts';
import { watchClock } from './clock-guard.ts';
import type { Epoch } from './epoch.ts';
import { explainDecision, type Explanation } from './explain.ts';
import { askPolicy } from './fail-closed.ts';
import {
  checkGrant,
  consumeGrant,
  GrantRefused,
  issueGrant,
  missedItsRow,
  type GrantBinding,
  type Presented,
} from './grants.ts';
import {
  killSwitchOn,
  listKillSwitches,
  setKillSwitch,
  type KillSwitch,
  type KillSwitchChange,
} from './kill-switch.ts';
import { readFacts, type Facts } from './facts.ts';
import { judgeAll } from './judge-all.ts';
import type { PolicyLimits } from './limits.ts';
import { readResults } from './provenance/results.ts';
import type { Overrides } from './overrides.ts';
import { couldBeAllowed, whoMayWhat, type PolicyOverview } from './overview.ts';
import { questionOf, type Question } from './question.ts';
import { exceededBudget, reserve, shortBudgets } from './reservations.ts';
import type { Admit, PolicyPart } from './revisions.ts';
import type { Shadow } from './shadow.ts';
import { readRuleNotes, type RuleNote } from './rule-notes.ts';
import {
  checkStanding,
  grantStanding,
  listStanding,
  returnStanding,
  revokeStanding,
  standingOffer,
  takeStanding,
  type Covered,
  type Standing,
  type StandingAsk,
  type StandingOffer,
} from './standing.ts';
import { RulesChanged, storeDecisions, storeSpent, type Binding, type Judged } from './store.ts';
import type { Call, Decision, Environment, PolicyInput, Reason, RunContext, Verdict } from './types.ts';

/** What approvers allow beyond one call; see standing.ts. */
export interface StandingGrants {
  offer(call: Pick<Covered, 'tool' | 'args'>, quorum: number): StandingOffer | null;
  /** @throws GatehouseError `GH-POLICY-050` */
  check(ask: StandingAsk, offer: StandingOffer | null): void;
  grant(
    tx: Transaction,
    from: Parameters<typeof grantStanding>[1],
    asks: readonly StandingAsk[],
    offer: StandingOffer,
  ): Promise<void>;
  list(): Promise<Standing[]>;
  revoke(tx: Transaction, id: string, by: string): Promise<void>;
}

/** What budgets are charged for. */
type Charged = Pick<Presented, 'tool' | 'args' | 'principal' | 'sessionKey'>;

/** Decides calls, and makes and spends the grants that let them run. */
export interface Policy {
  /** Digest of all that decides: rules, tools, approval classes, and the files `beside` them. Grants are bound to it. */
  readonly version: string;
  /** What a grant that is made now is bound to: this version, and the epoch. */
  binding(): GrantBinding;
  /** Asks the rules alone; never throws. */
  evaluate(input: PolicyInput): Promise<Verdict>;
  /**
   * Canonicalises, reads the facts, evaluates and mints a grant; stores nothing.
   * @param db where the facts are read: the pool, or the transaction that the judgement will be stored in
   */
  judge(db: Queryable, run: RunContext, call: Call): Promise<Judged>;
  /** `judge` over the pool: calls that come together are judged together, with one read of their facts. */
  judgeTogether(run: RunContext, call: Call): Promise<Judged>;
  /** Decides and stores: the same message, step and arguments get the same decision. */
  decide(run: RunContext, call: Call): Promise<Decision>;
  /**
   * Decides and stores in the caller's transaction a call that takes the place of one that waits, without standing grants.
   * @param mustConfirm makes a call that is allowed one that its requester has to confirm, for this reason
   */
  decideWithin(tx: Queryable, run: RunContext, call: Call, mustConfirm?: Reason): Promise<Decision>;
  readonly standing: StandingGrants;
  /**
   * Stores a judgement that allows, with its grant spent, in the caller's transaction: for a call whose effect is committed
   * with its decision. The transaction fails where the call was decided before, a budget has not enough left, or the kill
   * switch is on.
   * @throws RulesChanged where it was judged under other rules than those of now
   */
  storeSpent(tx: Transaction, judgement: Judged): void;
  issueGrant(tx: Queryable, decisionId: string): Promise<string | null>;
  /** @see consumeGrant in grants.ts: a grant that is refused fails the transaction */
  consumeGrant(tx: Transaction, presented: Presented): string;
  checkGrant(db: Queryable, presented: Parameters<typeof checkGrant>[1]): Promise<string>;
  /**
   * Says why a transaction that was to spend a grant failed, where it failed for the grant or for a budget.
   * @throws GrantRefused
   */
  explainRefusal(db: Queryable, error: unknown, presented: Presented): Promise<void>;
  /** How many requests of one session may wait for an answer at once, as `limits.yaml` says. */
  mostAsks(): number;
  /** Who is asked for a risk class, as `approvals.yaml` says. */
  approvalClass(risk: string): ApprovalClass | undefined;
  /** @throws GatehouseError `GH-POLICY-040`, `GH-POLICY-041` for a target that is not there */
  setKillSwitch(change: KillSwitchChange): Promise<void>;
  killSwitches(): Promise<KillSwitch[]>;
  /** Why a decision came out as it did, and what would change it. @throws GatehouseError `GH-POLICY-043` */
  explain(decisionId: string): Promise<Explanation>;
  /** Rules, tools, and what the rules say to each of these roles. */
  overview(roles: readonly string[]): Promise<PolicyOverview>;
  /** The tools that the rules could let the actor of this run call, at once or after asking. */
  couldBeAllowed(run: RunContext): Promise<Tool[]>;
  /** @see watchClock in clock-guard.ts */
  watchClock(): Promise<boolean>;
  /** Whether a kill switch stops a decided call that would be tried again; spending a grant asks by itself. */
  killSwitchOn(decisionId: string, db?: Queryable): Promise<boolean>;
  /** Whether a call takes from budgets, whose rows it holds until its transaction ends. */
  budgeted(call: Charged): boolean;
  /** Takes what a call needs from its budgets once more, where its failure gave it back. @see reserve in reservations.ts */
  chargeAgain(tx: Transaction, decisionId: string, call: Charged): void;
  /** Holds the approval classes and overrides in use against these people. @throws GatehouseError `GH-POLICY-011`, `-017` */
  checkPeople(people: Members): void;
  /**
   * Reads catalogue, approval classes, limits and rules again. Where one is broken, all of the last good ones stay.
   * @param people against whom the approval classes and overrides are held
   * @throws GatehouseError as `createPolicy`
   */
  reload(people?: Members): Promise<void>;
  /** Lets go of the connections to OPA, where it is asked. */
  stop(): Promise<void>;
}

interface Loaded {
  catalogue: NextCatalogue;
  engine: Engine;
  classes: ApprovalClasses;
  /** Digest of the rules. */
  rules: string;
  /** Digest of the overrides. */
  lifted: string;
  limits: PolicyLimits;
  overrides: Overrides;
  notes: RuleNote[];
}

/**
 * Loads the rules and starts deciding.
 * @param deps.people against whom approval classes and overrides are held; without them nobody looks whether a group is empty
 * @param deps.policiesDir folder with `rego/`, `policy.wasm`, `policy.wasm.json` and `approvals.yaml`
 * @param deps.beside digests of the other files that the version covers, as they are in use
 * @param deps.admit asked before a part is used; see createRevisions
 * @param deps.shadow sees what was decided, after it was
 * @param deps.settings seconds that an allowed call waits for its execution, and a question for its answer
 * @param deps.environment what the rules are told; the strictest when left out
 * @throws GatehouseError `GH-POLICY-001` to `-003`, `-011`, `-012`, `-016` and `-017`, each naming the file and the remedy
 */
export async function createPolicy(deps: {
  pool: Pool;
  policiesDir: string;
  catalogue: Catalogue;
  clock: () => Date;
  epoch: Epoch;
  people?: Members;
  environment?: Environment;
  settings: Pick<Settings, 'decisionSeconds' | 'approvalSeconds' | 'opaUrl'>;
  beside?: () => string[];
  admit?: (part: PolicyPart) => Admit;
  shadow?: Pick<Shadow, 'observe'>;
}): Promise<Policy> {
  const { pool, policiesDir, catalogue, clock, epoch, settings, beside = () => [] } = deps;
  const { admit = () => () => Promise.resolve() } = deps;
  const source = { policiesDir, catalogue, clock, opaUrl: settings.opaUrl, admit };
  const first = await load(source, deps.people);
  first.catalogue.use();
  let current = first;
  const versionOf = remembering(digestOfText);
  const version = (loaded: Loaded): string =>
    versionOf(
      JSON.stringify([
        loaded.rules,
        loaded.lifted,
        loaded.limits.version,
        loaded.classes.version,
        loaded.catalogue.version,
        ...beside(),
      ]),
    );
  const binding = (): GrantBinding => ({ version: version(current), epoch: epoch.current() });
  const { environment = 'production' } = deps;
  const ask = async (
    db: Queryable,
    loaded: Loaded,
    questions: Question[],
    amend: (facts: Facts) => Facts = (facts) => facts,
  ): Promise<Judged[]> => {
    const { engine, classes, limits } = loaded;
    // Before anything is read: what is judged while the rules change was judged by those before.
    const binding = stored(loaded);
    const facts = await readFacts(db, { catalogue, budgets: limits.budgets }, questions);
    // All that ask for results do so before the first is answered.
    const results = new GroupCommit((runs: RunContext[]) => readResults(db, runs));
    const zoneOf = (risk: string): string | undefined => classes.get(risk)?.hours?.zone;
    const judgements = await judgeAll(
      { engine, clock, catalogue, surroundings: { environment, zoneOf } },
      questions,
      facts.map(amend),
      ({ run }) =>
        () =>
          results.add(run),
    );
    return judgements.map((judgement) => ({ ...judgement, binding }));
  };
  const chargesFor = (call: Charged): Charge[] => {
    const tool = catalogue.get(call.tool);
    return tool ? chargesOf(current.limits.budgets, call, tool, call.args).charges : [];
  };
  const stored = (loaded: Loaded): Binding => ({
    version: version(loaded),
    engine: loaded.engine.name,
    epoch: epoch.current(),
    allowSeconds: settings.decisionSeconds,
    askSeconds: settings.approvalSeconds,
  });
  // Lanes of their own for each version, so that a batch never mixes the rules before and after a reload.
  const openLanes = (loaded: Loaded): Lanes => {
    const judged = (batch: Question[]): Promise<Judged[]> =>
      inOneGo(pool, (db) => ask(db, loaded, batch), { keepPlans: true });
    return {
      judging: new GroupCommit(judged),
      deciding: new GroupCommit(async (batch) => {
        const judgements = await judged(batch);
        const decisions = await storeDecisions(pool, judgements);
        deps.shadow?.observe(judgements.filter((judgement, index) => judgement.id === decisions[index]?.id));
        return decisions;
      }),
    };
  };
  let lanes = openLanes(current);
  /** Decides a call that approvers have allowed beforehand. Null where they have not, or something else asks too. */
  const underStanding = async (loaded: Loaded, question: Question): Promise<Decision | null> => {
    const { run, call, tool } = question;
    // What n8n runs by itself presents no grant, so nothing would hold it to a total.
    if (call.advisory || !tool || !loaded.classes.get(tool.risk)?.standing) return null;
    const covered = { run, tool, args: call.args as Record<string, unknown> };
    return transaction(pool, async (tx) => {
      const standing = await takeStanding(tx, covered, { version: version(loaded), epoch: epoch.current() });
      if (standing === null) return null;
      const [judgement] = await ask(tx, loaded, [question], (facts) => ({ ...facts, standing }));
      const lifted = judgement && ['allow', 'confirm'].includes(judgement.verdict.effect);
      const [decision] = lifted ? await storeDecisions(tx, [judgement]) : [];
      if (decision && decision.id === judgement?.id) {
        deps.shadow?.observe([judgement]);
        return decision;
      }
      // The same question was answered before, and that answer holds.
      await returnStanding(tx, standing, covered);
      return decision ?? null;
    });
  };

  return {
    get version() {
      return version(current);
    },
    binding,
    evaluate: (input) => askPolicy(current.engine, input),
    async judge(db, run, call) {
      const [judgement] = await ask(db, current, [questionOf(catalogue, run, call)]);
      return judgement as Judged;
    },
    judgeTogether: async (run, call) => lanes.judging.add(questionOf(catalogue, run, call)),
    // Async, so that unusable arguments reject like every other failure.
    async decide(run, call) {
      const question = questionOf(catalogue, run, call);
      return (await underStanding(current, question)) ?? lanes.deciding.add(question);
    },
    async decideWithin(tx, run, call, mustConfirm) {
      const loaded = current;
      // What it takes the place of is not one more that waits.
      const [judgement] = await ask(tx, loaded, [questionOf(catalogue, run, call)], (facts) => ({
        ...facts,
        waiting: { ...facts.waiting, asks: Math.max(0, facts.waiting.asks - 1) },
      }));
      if (!judgement) throw new Error('a question got no answer');
      if (mustConfirm && judgement.verdict.effect === 'allow') {
        judgement.verdict = { effect: 'confirm', reasons: [mustConfirm], approvers: null };
        judgement.grant = null;
      }
      const [decision] = await storeDecisions(tx, [judgement]);
      return decision as Decision;
    },
    standing: {
      offer: (call, quorum) => standingOffer(call, current.classes.get(call.tool.risk), quorum),
      check: checkStanding,
      grant: (tx, from, asks, offer) => grantStanding(tx, from, asks, offer, binding()),
      list: () => listStanding(pool, binding()),
      revoke: revokeStanding,
    },
    storeSpent(tx, judgement) {
      const now = binding();
      const { version: judgedUnder, epoch: judgedIn } = judgement.binding;
      if (judgedUnder !== now.version || judgedIn !== now.epoch) throw new RulesChanged();
      storeSpent(tx, judgement);
      deps.shadow?.observe([judgement]);
    },
    issueGrant: (tx, decisionId) => issueGrant(tx, decisionId, binding(), settings.decisionSeconds),
    consumeGrant: (tx, presented) => consumeGrant(tx, presented, binding(), chargesFor(presented)),
    checkGrant: (db, presented) => checkGrant(db, presented, binding()),
    async explainRefusal(db, error, presented) {
      if (missedItsRow(error)) await checkGrant(db, presented, binding());
      if (!exceededBudget(error)) return;
      const short = await shortBudgets(db, chargesFor(presented));
      throw new GrantRefused('budget_exceeded', short.length > 0 ? { detail: `${short.join('; ')}.` } : {});
    },
    mostAsks: () => current.limits.pendingAsks,
    approvalClass: (risk) => current.classes.get(risk),
    setKillSwitch: (change) => setKillSwitch(pool, catalogue, change),
    killSwitches: () => listKillSwitches(pool),
    explain: (id) => explainDecision(pool, answering({ ...current, catalogue }), id),
    async overview(roles) {
      const { engine, classes, notes } = current;
      const ask = (input: PolicyInput): Promise<Verdict> => askPolicy(engine, input);
      const rules = { ask, approvalClass: (risk: string) => classes.get(risk) };
      const tools = await whoMayWhat(rules, catalogue, roles, clock().toISOString());
      return { version: version(current), rules: notes, roles: [...roles], tools };
    },
    couldBeAllowed(run) {
      const { engine, classes } = current;
      const ask = (input: PolicyInput): Promise<Verdict> => askPolicy(engine, input);
      const rules = { ask, approvalClass: (risk: string) => classes.get(risk) };
      return couldBeAllowed(rules, catalogue, run, { environment, now: clock().toISOString() });
    },
    watchClock: () => watchClock(pool),
    killSwitchOn: (decisionId, db = pool) => killSwitchOn(db, decisionId),
    budgeted: (call) => chargesFor(call).length > 0,
    chargeAgain: (tx, decisionId, call) => reserve(tx, decisionId, chargesFor(call)),
    checkPeople: (people) => holdAgainst(current, people),
    async reload(people = deps.people) {
      const before = current;
      const next = await load(source, people);
      // In one go: no call may meet new tools under the old rules, or the other way round.
      next.catalogue.use();
      current = next;
      lanes = openLanes(current);
      await before.engine.close?.();
    },
    stop: async () => current.engine.close?.(),
  };
}

/** Calls that come together, on their way through one version of the rules. */
interface Lanes {
  judging: GroupCommit<Question, Judged>;
  deciding: GroupCommit<Question, Decision>;
}

/** Reads everything and changes nothing. */
async function load(
  source: {
    policiesDir: string;
    catalogue: Catalogue;
    clock: () => Date;
    opaUrl: string | undefined;
    admit: (part: PolicyPart) => Admit;
  },
  people: Members | undefined,
): Promise<Loaded> {
  const { policiesDir, admit } = source;
  const catalogue = source.catalogue.read();
  const { classes, limits, overrides, data } = await readPolicyData(policiesDir, source.clock(), catalogue);
  if (people) holdAgainst({ classes, overrides }, people);
  const { engine, wasm } = await loadEngine(policiesDir, data, source.opaUrl);
  const notes = await readRuleNotes(policiesDir);
  const lifted = digestOfText(JSON.stringify(overrides.data));
  await admit('rules')(wasm);
  await admit('approvals')(classes.version);
  await admit('tools')(catalogue.version);
  // That nothing is lifted any more is no step back.
  if (overrides.list.length > 0) await admit('overrides')(lifted);
  return { catalogue, engine, classes, limits, overrides, rules: wasm, lifted, notes };
}

function holdAgainst({ classes, overrides }: Pick<Loaded, 'classes' | 'overrides'>, people: Members): void {
  classes.check(people);
  overrides.check(people);
}

/** A pure function that is asked the same thing again and again. */
function remembering(work: (text: string) => string): (text: string) => string {
  let last = { text: '', result: '' };
  return (text) => {
    if (text !== last.text) last = { text, result: work(text) };
    return last.result;
  };
}
