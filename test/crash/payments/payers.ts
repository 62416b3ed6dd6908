import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { automation, tools } from './tools.ts';

/** One payment and what its payer was told of it. */
export interface Payment {
  reference: string;
  tool: string;
  /** It was sent for execution and its payer waits. */
  open: boolean;
  /** It was answered once that nobody knows its outcome yet. */
  unknown: boolean;
  /** The answer that its payer went home with. */
  told: string | undefined;
}

type Answer = { status: string; run?: { token: string } } & Record<string, unknown>;

/** Programs that pay at once, each payment once, and ask again where an answer is lost: by either gateway. */
export class Payers {
  readonly payments: Payment[] = [];
  readonly #cluster: Cluster;
  readonly #count: number;
  #paying = false;
  #running: Promise<void>[] = [];

  /** @param count how many pay at once */
  constructor(cluster: Cluster, count: number) {
    this.#cluster = cluster;
    this.#count = count;
  }

  start(): void {
    this.#paying = true;
    this.#running = Array.from({ length: this.#count }, () => this.#pay());
  }

  /** Lets each finish the payment that it is at. */
  async stop(): Promise<void> {
    this.#paying = false;
    await Promise.all(this.#running);
  }

  /** Payments whose payers wait at this moment. */
  get open(): number {
    return this.payments.filter(({ open }) => open).length;
  }

  async #pay(): Promise<void> {
    while (this.#paying) {
      const number = this.payments.length + 1;
      const tool = number % 2 === 0 ? tools.probed : tools.blind;
      const reference = `payment-${number}`;
      const payment: Payment = { reference, tool, open: false, unknown: false, told: undefined };
      this.payments.push(payment);
      const { run } = await this.#ask('/v1/envelopes', {
        trigger: { kind: 'schedule', automation },
        executionId: reference,
        workflowId: 'gatehouseAuto0001',
        nodeId: 'n1',
        itemIndex: 0,
      });
      payment.open = true;
      const args = { amount: '10.00', currency: 'EUR', payee: 'ACME', reference };
      const call = { run: run?.token, tool, args, step: reference };
      const { status, reasons } = await this.#ask('/v1/executions', call);
      payment.open = false;
      payment.unknown = status === 'unknown';
      payment.told = status ?? JSON.stringify(reasons);
    }
  }

  /** Asks until there is an answer. */
  async #ask(path: string, body: object): Promise<Answer> {
    for (let turn = Math.floor(Math.random() * 2); ; turn += 1) {
      const urls = this.#cluster.urls();
      try {
        const answer = await fetch(`${urls[turn % urls.length]}${path}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${this.#cluster.token}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
        const json = (await answer.json()) as Answer;
        if (answer.status < 500) return json;
      } catch {
        // Nobody answered: it may have been carried out or not.
      }
      await sleep(50);
    }
  }
}
