import type { InboundMessage } from '../channels/index.ts';
import { GatehouseError } from '../config/index.ts';
import { GroupCommit, sqlState } from '../db/index.ts';
import { digestOfText, sessionKey } from '../envelope/index.ts';
import { cancelCommand } from './actions.ts';
import { idOf, toEnvelope } from './envelope.ts';
import { rowOf, storeEntries, type Entry } from './inbox-store.ts';
import type { Queue } from './queue.ts';
import { texts } from './texts.ts';
import type { DeliveryDeps, Ingested, Unusable } from './types.ts';

/** What was stored for somebody to act on: a turn in n8n, or a click. */
export type Stored = 'turn' | 'click';

type InboxDeps = Pick<
  DeliveryDeps,
  'pool' | 'people' | 'pairing' | 'limits' | 'adapters' | 'sessionSecret' | 'clock' | 'log'
>;

/** Events that n8n works on; the others are kept (and clicks go to their handler). */
const dispatched = new Set(['created', 'edited', 'command']);
const recentLimit = 20_000;
const troubleMs = 60_000;

/**
 * Takes messages in: who sent it, may they, have we seen it; then stored, attested and queued in one transaction a
 * batch. What is reported as taken is durable.
 */
export class Inbox {
  readonly #deps: InboxDeps;
  readonly #queue: Queue;
  readonly #group: GroupCommit<Entry, boolean>;
  readonly #onStored: (stored: Stored) => void;
  readonly #heldBack = new Map<string, Date>();
  readonly #sessions = new Map<string, string>();
  #recent = new Set<string>();
  #older = new Set<string>();
  #tail: Promise<unknown> = Promise.resolve();
  /** `refused`: the SQLSTATE, where Postgres answered. */
  #trouble: { at: number; code: string; refused: string | null } | undefined;

  /** @param onStored called after the commit of each message that n8n or a click handler must see */
  constructor(deps: InboxDeps, queue: Queue, onStored: (stored: Stored) => void) {
    this.#deps = deps;
    this.#queue = queue;
    this.#onStored = onStored;
    this.#group = new GroupCommit((entries) => this.#store(entries));
  }

  /** Learns which sessions a former process held back, so that nobody overtakes their own queued message. */
  async start(): Promise<void> {
    for (const [session, until] of await this.#queue.heldBack()) this.#heldBack.set(session, until);
  }

  async ingest(messages: readonly InboundMessage[]): Promise<Ingested[]> {
    // Senders are looked up at once, but messages join the batch in the order in which they arrived.
    const prepared = Promise.all(messages.map((message) => this.#prepare(message)));
    const joined = Promise.all([prepared, this.#tail]).then(([entries]) => ({
      results: entries.map((entry) =>
        entry === 'duplicate' ? Promise.resolve<Ingested>(entry) : this.#add(entry),
      ),
    }));
    this.#tail = joined.catch(() => undefined);
    try {
      const results = await Promise.all((await joined).results);
      // The dispatch that they woke leaves before the caller goes on to its answer.
      await new Promise(setImmediate);
      return results;
    } catch (error) {
      throw this.#notStored(error);
    }
  }

  /**
   * Whether Postgres, where it answers, takes what it is given. A refusal counts for a minute, or until something is
   * stored.
   */
  health(): { ok: boolean; detail: string } {
    const { at = 0, refused = null } = this.#trouble ?? {};
    if (refused === null || Date.now() - at > troubleMs) return { ok: true, detail: 'storing' };
    const full = refused === '53100' ? ', its disk is full' : '';
    return {
      ok: false,
      detail: `Messages cannot be stored (${refused}${full}); nothing is acknowledged until they can.`,
    };
  }

  async deadLetter(channel: string, unusable: Unusable): Promise<boolean> {
    const account = this.#deps.adapters.get(channel)?.account() ?? '';
    const id = `dead:${channel}:${digestOfText(JSON.stringify([account, unusable.nativeId]))}`;
    if (this.#recent.has(id) || this.#older.has(id)) return false;
    const evidence = digestOfText(unusable.raw);
    const entry: Entry = {
      id,
      channel,
      session: this.#session(channel, account, JSON.stringify(unusable.route), ''),
      principal: null,
      event: 'unusable',
      state: 'dead',
      result: 'dead',
      envelope: null,
      raw: unusable.raw,
      route: unusable.route,
      problem: { code: 'GH-DELIVERY-002', reason: unusable.reason, field: unusable.field },
      receivedAt: this.#deps.clock(),
      facts: { channel, event: 'unusable', evidence, problem: 'GH-DELIVERY-002', field: unusable.field },
      job: null,
      says: unusable.route ? texts.unusable(unusable.field) : null,
      attachments: [],
    };
    try {
      await this.#withinBounds(entry, { channel, account, sender: unusable.sender });
      return (await this.#add(entry)) === 'dead';
    } catch (error) {
      throw this.#notStored(error);
    }
  }

  async #add(entry: Entry): Promise<Ingested> {
    entry.row = rowOf(entry);
    const fresh = await this.#group.add(entry);
    if (this.#trouble) this.#deps.log.info('messages are stored again');
    this.#trouble = undefined;
    this.#remember(entry.id);
    if (!fresh) return 'duplicate';
    if (entry.state === 'queued' || entry.state === 'limited') {
      this.#onStored(entry.job === null ? 'click' : 'turn');
    }
    return entry.result;
  }

  async #prepare(message: InboundMessage): Promise<Entry | 'duplicate'> {
    const { kind, account, conversation } = message.channel;
    const id = idOf(message);
    if (this.#recent.has(id) || this.#older.has(id)) return 'duplicate';
    const session = this.#session(kind, account, conversation, message.sender.nativeId);
    const { person, standing } = await this.#deps.people.resolve(kind, account, message.sender.nativeId);
    const receivedAt = this.#deps.clock();
    const made = toEnvelope(message, id, session, { person, standing }, receivedAt);
    const evidence = 'envelope' in made ? made.envelope.data.raw.sha256 : digestOfText(message.raw);
    const entry: Entry = {
      id: 'envelope' in made ? id : `dead:${kind}:${digestOfText(id)}`,
      channel: kind,
      session,
      principal: person?.principal ?? null,
      event: message.event,
      state: 'queued',
      result: 'accepted',
      envelope: 'envelope' in made ? made.json : null,
      raw: message.raw,
      route: message.route,
      problem: null,
      receivedAt,
      facts: { channel: kind, event: message.event, session, principal: person?.principal ?? null, evidence },
      job: null,
      says: null,
      attachments: message.attachments,
    };
    if ('field' in made) {
      entry.says = texts.unusable(made.field);
      entry.facts.field = made.field;
      await this.#withinBounds(entry, { channel: kind, account, sender: message.sender.nativeId });
      return close(entry, 'dead', 'GH-DELIVERY-002', `The envelope cannot hold ${made.field}.`);
    }
    await this.#admit(entry, message, person !== null);
    const missing = message.attachments.flatMap(({ name, flaw }) =>
      flaw === undefined ? [] : { name, flaw },
    );
    if (missing.length > 0 && entry.job !== null) entry.says ??= texts.files(missing);
    return entry;
  }

  /**
   * What cannot be used takes of the sender's allowance like any message: past it nobody is answered and nothing but
   * the fault is kept. A stranger's text is kept in no case. What names no sender counts as one sender of its account.
   */
  async #withinBounds(
    entry: Entry,
    from: { channel: string; account: string; sender: string | null },
  ): Promise<void> {
    const { channel, account, sender } = from;
    const { verdict } = await this.#deps.limits.consume({ channel, account, sender: sender ?? '' });
    const stranger =
      sender !== null && (await this.#deps.people.resolve(channel, account, sender)).person === null;
    if (verdict !== 'go') entry.says = null;
    if (verdict === 'refuse' || stranger) entry.raw = null;
  }

  /** Rate limit, then sender, then kind of event: decides what becomes of a storable message. */
  async #admit(entry: Entry, message: InboundMessage, known: boolean): Promise<void> {
    const { kind, account } = message.channel;
    const verdict = await this.#deps.limits.consume({
      channel: kind,
      account,
      sender: message.sender.nativeId,
    });
    if (verdict.verdict === 'refuse') {
      if (verdict.tell) entry.says = texts.tooMany();
      close(entry, 'refused', 'GH-DELIVERY-003', 'Past the bound of the rate limit.');
      return;
    }
    if (!known) {
      await this.#refuseUnknown(entry, message, verdict.verdict === 'go');
      return;
    }
    if (message.event === 'action' && message.sender.isBot) {
      close(entry, 'refused', 'GH-DELIVERY-010', 'A program clicked; only people do.');
      return;
    }
    if (message.event === 'action' && message.content.action !== null) {
      entry.result = 'handled';
      return;
    }
    if (!dispatched.has(message.event)) {
      entry.state = 'handled';
      entry.result = 'handled';
      return;
    }
    // Behind what it shall end it would come too late.
    if (message.content.command?.name === cancelCommand && message.content.command.words.length === 0) {
      entry.result = 'handled';
      return;
    }
    entry.job = { startAfter: undefined };
    const now = entry.receivedAt.getTime();
    const behind = this.#heldBack.get(entry.session)?.getTime() ?? 0;
    const own = verdict.verdict === 'later' ? now + verdict.waitMs : 0;
    const until = Math.max(own, behind);
    if (until <= now) {
      this.#heldBack.delete(entry.session);
      return;
    }
    // pg-boss passes over jobs that are not due, so a later message must not be due before an earlier one.
    entry.job.startAfter = new Date(until);
    if (this.#heldBack.size >= recentLimit) forgetPast(this.#heldBack, now);
    this.#heldBack.set(entry.session, entry.job.startAfter);
    entry.state = 'limited';
    if (verdict.verdict === 'later' && verdict.tell)
      entry.says = texts.later(Math.ceil(verdict.waitMs / 1000));
  }

  /** An unknown sender's text is not kept, and no workflow sees it. */
  async #refuseUnknown(entry: Entry, message: InboundMessage, answer: boolean): Promise<void> {
    close(entry, 'refused', 'GH-DELIVERY-006', 'The sender is not known.');
    entry.envelope = null;
    entry.raw = null;
    if (message.sender.isBot || !answer || !dispatched.has(message.event)) return;
    const { kind, account, visibility } = message.channel;
    if (visibility !== 'dm') {
      entry.says = texts.unknown();
      return;
    }
    const { nativeId, display } = message.sender;
    const { code } = await this.#deps.pairing.offer({ channel: kind, account, nativeId, display });
    entry.says = texts.pair(code);
  }

  async #store(entries: Entry[]): Promise<boolean[]> {
    try {
      return await storeEntries(this.#deps.pool, this.#queue, entries);
    } catch (error) {
      const state = (error as { code?: string }).code ?? '';
      // Class 22: a value that Postgres cannot hold. One such message must not take the batch with it.
      if (!state.startsWith('22')) throw error;
      if (entries.length > 1) {
        const results: boolean[] = [];
        for (const entry of entries) results.push(...(await this.#store([entry])));
        return results;
      }
      const entry = entries[0] as Entry;
      if (entry.state === 'dead') throw error;
      this.#deps.log.warn({ message: entry.id, code: state }, 'a message cannot be stored as it is');
      close(entry, 'dead', 'GH-DELIVERY-002', `Postgres refused a value (${state}).`);
      Object.assign(entry, { envelope: null, raw: null, route: null, job: null, row: undefined });
      return storeEntries(this.#deps.pool, this.#queue, [entry]);
    }
  }

  /** Said once a spell: an outage fails every delivery, and each is answered with its own 503. */
  #notStored(cause: unknown): GatehouseError {
    const { code } = cause as { code?: unknown };
    const known = typeof code === 'string' ? code : 'unknown';
    if (this.#trouble?.code !== known)
      this.#deps.log.error({ err: cause }, 'messages cannot be stored; nothing is acknowledged');
    this.#trouble = { at: Date.now(), code: known, refused: sqlState(cause) };
    return new GatehouseError('GH-DELIVERY-001', 'The message could not be stored.', {
      status: 503,
      retryAfter: 2,
      next: 'Send it again; what was stored of it is recognised.',
      cause,
    });
  }

  /** A keyed hash costs more than all the look-ups of a message. */
  #session(channel: string, account: string, conversation: string, sender: string): string {
    const name = JSON.stringify([channel, account, conversation, sender]);
    const known = this.#sessions.get(name);
    if (known !== undefined) return known;
    const session = sessionKey(this.#deps.sessionSecret, { channel, account, conversation, sender });
    if (this.#sessions.size >= recentLimit) this.#sessions.clear();
    this.#sessions.set(name, session);
    return session;
  }

  /** Two generations make a cheap bounded memory of ids; Postgres's unique key is the authority. */
  #remember(id: string): void {
    this.#recent.add(id);
    if (this.#recent.size < recentLimit) return;
    this.#older = this.#recent;
    this.#recent = new Set();
  }
}

function forgetPast(heldBack: Map<string, Date>, now: number): void {
  for (const [session, until] of heldBack) if (until.getTime() <= now) heldBack.delete(session);
}

function close(entry: Entry, state: 'dead' | 'refused', code: string, reason: string): Entry {
  entry.state = state;
  entry.result = state;
  entry.problem = { code, reason };
  entry.facts.problem = code;
  return entry;
}
