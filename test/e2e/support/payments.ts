import assert from 'node:assert/strict';
import type { Wait } from './n8n.ts';
import { eventually, type Person } from './person.ts';
import type { TestStack } from './stack.ts';

/** A payment that was asked for and waits. */
export interface Open extends Wait {
  said: string;
}

/** Payments, each known by its reference, and what the databases say of them. */
export interface Payments {
  /** Asks for one, and waits until its execution waits. */
  ask(reference: string, amount?: string): Promise<Open>;
  state(open: Open): Promise<string | undefined>;
  votes(open: Open): Promise<number>;
  /** Ledger rows with this reference. */
  paid(reference: string): Promise<number>;
  /** The outcomes that were receipted; a decision leaves exactly one. */
  outcomes(open: Open): Promise<string[]>;
  /** n8n's word for an execution; undefined once its row is gone. */
  executionStatus(id: string): Promise<string | undefined>;
  /** Asserts that nothing came of an attack: it is open as before. */
  stillOpen(open: Open, reference: string): Promise<void>;
}

/** @param requester who asks for the payments */
export function payments(stack: Pick<TestStack, 'sql' | 'demo' | 'n8n'>, requester: Person): Payments {
  const pay: Payments = {
    async ask(reference, amount = '120') {
      const said = `/pay ${amount} EUR ACME ${reference}`;
      await requester.say(said);
      await requester.answerTo(said, /Approval is needed/);
      const [row] = await stack.sql<Omit<Open, 'said'>>(
        `select a.id, a.execution_id as "executionId", a.node_id as "nodeId", a.resume_path as "resumePath", d.digest,
           d.args from approvals a join decisions d on d.id = a.id
         where d.args ->> 'reference' = $1 order by a.created_at desc`,
        [reference],
      );
      assert.ok(row);
      await eventually('an execution that waits', 15_000, async () => {
        const status = (await pay.executionStatus(row.executionId)) ?? 'none';
        return { done: status === 'waiting', seen: status };
      });
      return { ...row, said };
    },
    async state({ id }) {
      const [row] = await stack.sql<{ state: string }>('select state from approvals where id = $1', [id]);
      return row?.state;
    },
    votes: async ({ id }) => (await stack.sql('select 1 from votes where approval_id = $1', [id])).length,
    paid: async (reference) =>
      (await stack.demo('select 1 from ledger where reference = $1', [reference])).length,
    async outcomes({ id }) {
      const rows = await stack.sql<{ state: string }>(
        `select facts ->> 'state' as state from receipts where decision_id = $1 and kind = 'approval.outcome'`,
        [id],
      );
      return rows.map((row) => row.state);
    },
    async executionStatus(id) {
      const text = 'select status from execution_entity where id = $1';
      return (await stack.n8n<{ status: string }>(text, [Number(id)]))[0]?.status;
    },
    async stillOpen(open, reference) {
      assert.equal(await pay.state(open), 'pending');
      assert.equal(await pay.votes(open), 0);
      assert.equal(await pay.paid(reference), 0);
      assert.equal(await pay.executionStatus(open.executionId), 'waiting');
    },
  };
  return pay;
}
