import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { Approvals, Outcome } from '../../../gateway/approvals/index.ts';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { fakeN8n, type FakeN8n } from './fake-n8n.ts';
import { everybody, gateOf, openHouse, person, publicUrl, until, type House } from './support.ts';

/**
 * One request under everything that can happen to it at once, over two gateways on one Postgres: votes, edits by
 * approvers and by the requester, withdrawal, the deadline, a redispatch of its run, gateways that stop and start.
 * However these interleave, the waiting gate gets one outcome, for one call, and a grant only with an approval.
 */

const people = ['approver-a', 'approver-b', 'approver-c', 'requester'] as const;
type Person = (typeof people)[number];
type Operation =
  | { kind: 'vote'; who: Person; verdict: 'approve' | 'reject'; gateway: 0 | 1; blind: boolean }
  | { kind: 'edit'; who: Person; amount: number; gateway: 0 | 1 }
  | { kind: 'cancel'; gateway: 0 | 1 }
  | { kind: 'expire' }
  | { kind: 'redispatch'; gateway: 0 | 1 }
  | { kind: 'restart'; gateway: 0 | 1 };

/** An edition as a page shows it. */
interface Shown {
  id: string;
  digest: string;
  binding: string;
}
interface Edition {
  id: string;
  state: string;
  editedBy: string | null;
  quorum: number;
  proposers: string[];
  approvals: string[];
  rejections: string[];
  grants: number;
  outcomes: string[];
}

/** What is known of the request between two steps: how it ended, once it has. */
interface Model {
  ended: string | null;
}

const args = { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' };

let house: House;
let n8n: FakeN8n;
before(async () => {
  house = await openHouse();
  await house.setPeople({ people: [...everybody, person('approver-c', 'Chris Approver', ['approvers'])] });
  n8n = await fakeN8n();
});
after(async () => {
  await house.close();
  await n8n.stop();
});

class Request {
  readonly root: string;
  readonly #run: Parameters<Approvals['register']>[0];
  readonly #gateways: Approvals[] = [];
  /** Outcomes that the gate was told in the answer to its registration. */
  readonly #told: Outcome[] = [];
  readonly #callsBefore = n8n.calls.length;

  private constructor(root: string, run: Parameters<Approvals['register']>[0]) {
    this.root = root;
    this.#run = run;
  }

  static async ask(quorum: number): Promise<Request> {
    house.policy.quorum = quorum;
    const decision = await house.decision({ args, quorum });
    const request = new Request(decision.id, decision.run);
    for (const at of [0, 1] as const) await request.#start(at);
    await request.#register(0);
    return request;
  }

  async #start(at: 0 | 1): Promise<void> {
    const gateway = house.another({ settings: { publicUrl, n8nUrl: n8n.url, approvalSeconds: 600 } });
    this.#gateways[at] = gateway;
    await gateway.start();
  }

  #gateway(at: 0 | 1): Approvals {
    const gateway = this.#gateways[at];
    assert.ok(gateway);
    return gateway;
  }

  async #register(at: 0 | 1): Promise<void> {
    const { approvals } = await this.#gateway(at).register(this.#run, gateOf([{ id: this.root }]));
    for (const { id, outcome } of approvals) {
      assert.equal(id, this.root);
      if (outcome) this.#told.push(outcome);
    }
  }

  /** Does one thing; being refused is a way to do it. */
  async do(operation: Operation, shown: Shown): Promise<void> {
    try {
      await this.#do(operation, shown);
    } catch (error) {
      if (!(error instanceof GatehouseError) || error.status >= 500) throw error;
    }
  }

  async #do(operation: Operation, shown: Shown): Promise<unknown> {
    const channel = 'web';
    switch (operation.kind) {
      case 'vote':
        return this.#gateway(operation.gateway).vote({
          approvalId: operation.blind ? this.root : shown.id,
          principal: operation.who,
          verdict: operation.verdict,
          channel,
          ...(operation.blind ? {} : { shownDigest: shown.binding }),
        });
      case 'edit':
        return this.#gateway(operation.gateway).edit({
          approvalId: shown.id,
          principal: operation.who,
          args: { ...args, amount: `${operation.amount}.00` },
          channel,
          shownDigest: shown.digest,
        });
      case 'cancel':
        return this.#gateway(operation.gateway).cancel(shown.id, 'requester');
      case 'redispatch':
        return this.#register(operation.gateway);
      case 'restart':
        await this.#gateway(operation.gateway).stop();
        return this.#start(operation.gateway);
      case 'expire':
        return house.database.pool.query(
          `update approvals set deadline = clock_timestamp() where root = $1 and state = 'pending'`,
          [this.root],
        );
    }
  }

  /** The edition that pages show now. */
  async shown(): Promise<Shown> {
    const { rows } = await house.database.pool.query<Shown>(
      `select a.id, a.binding, d.digest from approvals a join decisions d on d.id = a.id where root = $1
       order by edition desc limit 1`,
      [this.root],
    );
    assert.ok(rows[0]);
    return rows[0];
  }

  async editions(): Promise<Edition[]> {
    const { rows } = await house.database.pool.query<Edition>(
      `select a.id, a.state, a.edited_by as "editedBy", a.quorum, a.proposers,
         array(select principal from votes v where v.approval_id = a.id and verdict = 'approve' order by 1) as approvals,
         array(select principal from votes v where v.approval_id = a.id and verdict = 'reject' order by 1) as rejections,
         (select count(*)::int from grants g where g.decision_id = a.id) as grants,
         array(select r.facts ->> 'state' from receipts r where r.decision_id = a.id and r.kind = 'approval.outcome')
           as outcomes
       from approvals a where root = $1 order by edition`,
      [this.root],
    );
    return rows;
  }

  /** Everything that must hold between any two steps. @returns how it ended, or null */
  async check(model: Readonly<Model>): Promise<string | null> {
    const editions = await this.editions();
    const last = editions.at(-1);
    assert.ok(last);
    const editors: string[] = [];
    for (const edition of editions) {
      if (edition.editedBy !== null) editors.push(edition.editedBy);
      const open = edition.state === 'pending';
      assert.equal(open && edition !== last, false, 'only the last edition is asked about');
      if (edition !== last) assert.equal(edition.state, 'superseded');
      assert.deepEqual(edition.outcomes, open ? [] : [edition.state], 'one receipt an outcome');
      assert.equal(edition.grants, edition.state === 'approved' ? 1 : 0, 'a grant is an approval');
      for (const editor of editors) {
        assert.ok(!edition.approvals.includes(editor), 'no editor votes on a payment that they changed');
      }
      assert.ok(!edition.approvals.includes('requester'));
      if (edition.state === 'approved') {
        assert.ok(edition.approvals.length >= edition.quorum);
        assert.deepEqual(edition.rejections, []);
      }
      if (edition.state === 'rejected') assert.equal(edition.rejections.length, 1);
    }
    assert.notEqual(last.state, 'superseded', 'somebody is always left to be asked');
    const ended = last.state === 'pending' ? null : last.state;
    if (model.ended !== null) assert.equal(ended, model.ended, 'what was decided stays');
    this.#checkDelivered(last);
    return ended;
  }

  #checkDelivered(last: Edition): Outcome[] {
    const sent = n8n.calls
      .slice(this.#callsBefore)
      .flatMap((call) => (JSON.parse(call.body) as { items: Outcome[] }).items)
      .filter((outcome) => outcome.id === this.root);
    const all = [...sent, ...this.#told];
    for (const outcome of all) {
      assert.deepEqual([outcome.state, outcome.decision], [last.state, last.id], 'n8n hears the one outcome');
      assert.equal(outcome.grant !== null, last.state === 'approved');
    }
    assert.equal(new Set(all.map((outcome) => JSON.stringify(outcome))).size <= 1, true);
    return all;
  }

  /** Lets it run into its deadline, if it is still open, and waits for the gate to hear of it. */
  async finish(): Promise<void> {
    await this.do({ kind: 'expire' }, await this.shown());
    await this.do({ kind: 'restart', gateway: 0 }, await this.shown());
    await until(async () => {
      const { rows } = await house.database.pool.query(
        `select 1 from approvals where root = $1 and (state = 'pending' or delivered_at is null)`,
        [this.root],
      );
      return rows.length === 0;
    });
    const last = (await this.editions()).at(-1);
    assert.ok(last);
    assert.ok(this.#checkDelivered(last).length >= 1, 'the gate heard of it');
    await this.check({ ended: last.state });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#gateways.map((gateway) => gateway.stop()));
  }
}

/** Operations that begin at the same moment, on the card as it is shown then. */
class Together implements fc.AsyncCommand<Model, Request> {
  readonly operations: Operation[];

  constructor(operations: Operation[]) {
    this.operations = operations;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Request): Promise<void> {
    const shown = await real.shown();
    await Promise.all(this.operations.map((operation) => real.do(operation, shown)));
    model.ended = await real.check(model);
  }

  toString(): string {
    return `together(${this.operations.map((operation) => JSON.stringify(operation)).join(' ')})`;
  }
}

const gateway = fc.constantFrom<0 | 1>(0, 1);
const who = fc.constantFrom(...people);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('vote' as const),
      who,
      verdict: fc.constantFrom('approve' as const, 'approve' as const, 'approve' as const, 'reject' as const),
      gateway,
      blind: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('edit' as const),
      who,
      amount: fc.integer({ min: 1, max: 9 }),
      gateway,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), gateway }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('redispatch' as const), gateway }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), gateway }) },
);
const steps = fc.commands(
  [fc.array(operation, { minLength: 1, maxLength: 5 }).map((operations) => new Together(operations))],
  { maxCommands: 10 },
);

test('a request has exactly one outcome under any interleaving', async () => {
  const ends = new Map<string, number>();
  let edits = 0;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(1, 2), steps, async (quorum, commands) => {
      const request = await Request.ask(quorum);
      try {
        await fc.asyncModelRun(() => ({ model: { ended: null }, real: request }), commands);
        await request.finish();
        const editions = await request.editions();
        edits += editions.length - 1;
        const state = editions.at(-1)?.state ?? '';
        ends.set(state, (ends.get(state) ?? 0) + 1);
      } finally {
        await request.stop();
      }
    }),
    { numRuns: Number(process.env.GATEHOUSE_TEST_RUNS ?? 60), endOnFailure: true },
  );
  // A model that never gets anywhere proves nothing.
  for (const state of ['approved', 'rejected', 'expired', 'cancelled'])
    assert.ok(ends.has(state), `no run ended ${state}: ${JSON.stringify([...ends])}`);
  assert.ok(edits > 10);
});
