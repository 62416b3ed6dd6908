import { setTimeout as sleep } from 'node:timers/promises';
import type { TestStack } from '../e2e/support/stack.ts';
import { clickPayload, messageEvent, nextTs, slackHeaders, type FakeSlack } from '../fixtures/slack/index.ts';
import { approver, signingSecret, writers } from './people.ts';

/** A message that the gateway acknowledged, in the order of its sender. */
export interface Acknowledged {
  writer: string;
  ts: string;
  /** the ledger reference, where it is a payment */
  pays: string | null;
}

/** The people of the crash test: they write, and one approves, through Slack, whatever is down. */
export class Load {
  readonly acknowledged: Acknowledged[] = [];
  readonly #stack: TestStack;
  readonly #slack: FakeSlack;
  readonly #clicked = new Set<string>();
  #writing = false;
  #ended = false;
  #running: Promise<unknown>[] = [];
  #count = 0;

  constructor(stack: TestStack, slack: FakeSlack) {
    this.#stack = stack;
    this.#slack = slack;
  }

  start(): void {
    this.#writing = true;
    this.#running = [...writers.map((writer) => this.#write(writer)), this.#approve()];
  }

  /** Ends the writing; what was begun is still sent until it is acknowledged. */
  async stop(): Promise<void> {
    this.#writing = false;
    await Promise.all(this.#running);
  }

  /** Ends everything, also what is not acknowledged. */
  end(): void {
    this.#writing = false;
    this.#ended = true;
  }

  /** One click on each button that the approver has and did not press yet. */
  async approveOnce(): Promise<void> {
    for (const post of this.#slack.posts) {
      const value = /"(approve:[^"]+)"/.exec(JSON.stringify(post.blocks))?.[1];
      if (value === undefined || this.#clicked.has(value)) continue;
      this.#clicked.add(value);
      const payload = clickPayload({ user: approver.slack, value, channel: post.channel, ts: post.ts });
      const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
      await this.#deliver('interactions', body, 'application/x-www-form-urlencoded');
    }
  }

  async #write(writer: (typeof writers)[number]): Promise<void> {
    while (this.#writing) {
      this.#count += 1;
      const pays = this.#count % 3 === 0 ? `crash-${this.#count}` : null;
      const text = pays === null ? ['/whoami', '/balance'][this.#count % 2] : `/pay 10 EUR ACME ${pays}`;
      const ts = nextTs();
      const event = messageEvent({ user: writer.slack, text: text ?? '', channel: writer.channel, ts });
      const taken = await this.#deliver('events', JSON.stringify(event), 'application/json');
      if (taken) this.acknowledged.push({ writer: writer.principal, ts, pays });
      await sleep(600);
    }
  }

  async #approve(): Promise<void> {
    while (this.#writing) {
      await this.approveOnce();
      await sleep(300);
    }
  }

  /** Slack sends a delivery again until it is answered 200. So does this, sooner. */
  async #deliver(at: string, body: string, type: string): Promise<boolean> {
    while (!this.#ended) {
      try {
        const answer = await fetch(`http://127.0.0.1:${this.#stack.ports.public}/channels/slack/${at}`, {
          method: 'POST',
          headers: slackHeaders(signingSecret, body, new Date(), type),
          body,
          signal: AbortSignal.timeout(3000),
        });
        await answer.body?.cancel();
        if (answer.status === 200) return true;
      } catch {
        // Nobody answered: it may have been stored or not.
      }
      await sleep(150);
    }
    return false;
  }
}
