import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { createWatch } from '../../../gateway/agent/index.ts';
import type { Card } from '../../../gateway/approvals/index.ts';
import { GatehouseError, toProblem } from '../../../gateway/config/index.ts';
import { Signals } from '../../../gateway/db/index.ts';
import {
  attachmentBounds,
  attachmentEndings,
  createWeb,
  type InboundAttachment,
  type OfferedFile,
} from '../../../gateway/channels/index.ts';
import type { Diagnosis } from '../../../gateway/doctor/index.ts';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { createPolicy, shadowReport } from '../../../gateway/policy/index.ts';
import { hashToken, newToken } from '../../../gateway/envelope/index.ts';
import { createFactors } from '../../../gateway/factors/index.ts';
import { createTerminals } from '../../../gateway/sessions/index.ts';
import { createBox } from '../../../gateway/vault/index.ts';
import { mountWeb, webErrorPages, webNotFound } from '../../../gateway/web/index.ts';
import type {
  ApprovalCard,
  EditField,
  IdentityQuestion,
  StandingCard,
  ReceiptRow,
  SubmitOutcome,
  WebDeps,
  WebPerson,
} from '../../../gateway/web/index.ts';
import { policiesDir } from '../policy/support.ts';
import { testDatabase } from '../../support/postgres.ts';

/** Two people as in the demo, and one who steers. */
export const people: Record<string, WebPerson> = {
  requester: { principal: 'requester', display: 'Robin Requester', roles: ['member'], groups: [] },
  'approver-a': {
    principal: 'approver-a',
    display: 'Alex Approver',
    roles: ['approver'],
    groups: ['approvers'],
  },
  admin: { principal: 'admin', display: 'Ada Admin', roles: ['admin'], groups: [] },
};

/**
 * The pages over a real Postgres, with rooms that are not under test stood in for: approvals keep one card a person
 * sees by `cards`, `submit` stores a message row, sign-in keeps sessions in memory. Nothing else is simulated.
 */
export async function startWeb(options: { publicUrl?: (port: number) => string } = {}) {
  const database = await testDatabase();
  const signals = new Signals(database.url);
  const app = express();
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = (server.address() as AddressInfo).port;
  const base = `http://127.0.0.1:${port}`;
  const publicUrl = options.publicUrl?.(port) ?? base;

  const dataDir = await mkdtemp(join(tmpdir(), 'web-'));
  const sessions = new Map<string, { principal: string; csrf: string }>();
  const state = {
    cards: new Map<string, ApprovalCard>(),
    votes: [] as unknown[],
    questions: new Map<string, IdentityQuestion>(),
    answers: [] as unknown[],
    submitted: [] as string[],
    files: [] as OfferedFile[],
    fields: new Map<string, EditField[]>(),
    edits: [] as unknown[],
    asks: [] as unknown[],
    answered: [] as unknown[],
    standing: [] as StandingCard[],
    ended: [] as unknown[],
    steered: [] as unknown[],
    /** Set, it is what a change is refused with. */
    refuse: null as GatehouseError | null,
    outcome: 'accepted' as SubmitOutcome | GatehouseError,
    receipts: [] as ReceiptRow[],
    asked: [] as unknown[],
    openapi: {} as unknown,
    diagnosis: { ok: true, topics: [] } as Diagnosis,
    failures: [] as unknown[],
    /** A decision that a test made. */
    decision: '',
    sessionStanding: { fresh: true, proven: false, invited: false },
  };
  const catalogue = loadCatalogue(policiesDir);
  const steer =
    (what: string) =>
    async (...given: unknown[]): Promise<never> => {
      if (state.refuse) throw state.refuse;
      state.steered.push([what, ...given]);
      return undefined as never;
    };
  const policy = await createPolicy({
    pool: database.pool,
    policiesDir,
    catalogue,
    clock: () => new Date(),
    epoch: { current: () => 1, bump: () => 1 },
    settings: { decisionSeconds: 300, approvalSeconds: 3600 },
  });
  const deps: WebDeps = {
    publicUrl,
    pool: database.pool,
    signals,
    people: { get: (principal) => people[principal] },
    terminals: createTerminals({ pool: database.pool }),
    signIn: {
      async redeem(token) {
        const { rows } = await database.pool.query<{ principal: string }>(
          'delete from web_logins where token_hash = $1 returning principal',
          [hashToken(token)],
        );
        if (!rows[0]) return null;
        const fresh = { session: newToken('sess'), csrf: newToken('csrf'), principal: rows[0].principal };
        sessions.set(fresh.session, fresh);
        return fresh;
      },
      session: async (token) => sessions.get(token) ?? null,
      end: async (token) => void sessions.delete(token),
      standing: async () => state.sessionStanding,
      proved: async () => void (state.sessionStanding = { ...state.sessionStanding, proven: true }),
    },
    attachments: { ...attachmentBounds, endings: attachmentEndings },
    async submit(principal, text, files) {
      if (state.outcome instanceof GatehouseError) throw state.outcome;
      if (state.outcome !== 'accepted') return state.outcome;
      const { attachments } = createWeb().message(principal, principal, text, files);
      state.submitted.push(text);
      state.files.push(...files);
      await addMessage(principal, text, 'queued', attachments);
      return 'accepted';
    },
    identities: {
      question: async (code) => state.questions.get(code) ?? null,
      async answer(code, principal, yes) {
        state.answers.push({ code, principal, yes });
        return yes;
      },
    },
    approvals: {
      card: async (id) => state.cards.get(id) ?? null,
      async vote(vote) {
        if (state.cards.get(vote.approvalId)?.requester.principal === vote.principal) {
          throw new GatehouseError(
            'GH-APPROVALS-003',
            'You asked for this yourself, so your vote does not count.',
            {
              status: 403,
              next: 'Another approver has to decide.',
            },
          );
        }
        state.votes.push(vote);
      },
      editForm: async (id) => state.fields.get(id) ?? [],
      async editByForm(change) {
        if (state.refuse) throw state.refuse;
        state.edits.push(change);
        return { approvalId: change.approvalId };
      },
      async askBack(asked) {
        if (state.refuse) throw state.refuse;
        state.asks.push(asked);
      },
      async answer(given) {
        if (state.refuse) throw state.refuse;
        state.answered.push(given);
      },
      standing: async () => state.standing,
      revokeStanding: async (id, actor) => void state.ended.push([id, actor]),
      pendingFor: async (principal) =>
        principal === 'approver-a' ? [...state.cards.values()].filter((card) => card.mayVote) : [],
      // One list for whoever may vote and one for whoever asked; inbox.test.ts has the real room.
      async inbox(viewer, { list }) {
        const cards = [...state.cards.values()].filter((card) =>
          list === 'asked'
            ? card.requester.principal === viewer
            : list === 'needed' && viewer === 'approver-a' && card.mayApprove,
        );
        return {
          groups: cards.map((card) => ({
            size: 1,
            items: [{ card: card as Card, outlook: card.facts as Card['facts'] }],
          })),
          next: null,
          needed: cards.length,
          choices: { tools: [], requesters: [], reasons: [] },
          now: new Date(),
        };
      },
      report: async () => assert.fail('no report here'),
      reportRows: async () => assert.fail('no report here'),
      onChange: () => () => undefined,
    },
    runs: {
      ...createWatch({
        pool: database.pool,
        catalogue,
        models: { file: () => null, of: () => [], version: null, reload: async () => undefined },
      }),
      ...{ pause: steer('pause'), resume: steer('resume'), stop: steer('stop'), say: steer('say') },
    },
    policy: {
      ...policy,
      overview: () => policy.overview(['member', 'approver', 'viewer', 'guest', 'automation']),
      shadow: () => shadowReport(database.pool),
    },
    doctor: async () => state.diagnosis,
    factors: createFactors({ pool: database.pool, box: createBox({ dataDir }), publicUrl }),
    audit: {
      async listReceipts(_pool, filter) {
        state.asked.push(filter);
        return state.receipts;
      },
    },
    openapi: () => state.openapi,
    problemOf: toProblem,
    log: { error: (...entry: unknown[]) => void state.failures.push(entry) },
  };

  /** Stores a web message as delivery would. @returns its id */
  async function addMessage(
    principal: string,
    text: string,
    messageState: string,
    attachments: readonly Pick<InboundAttachment, 'name' | 'bytes'>[] = [],
  ): Promise<string> {
    const id = `web:local:${principal}:${randomUUID()}:0`;
    await database.pool.query(
      `insert into messages (id, channel, session_key, principal, event, state, envelope)
       values ($1, 'web', 's', $2, 'created', $3, $4)`,
      [id, principal, messageState, JSON.stringify({ data: { content: { text }, attachments } })],
    );
    return id;
  }

  /** Stores a reply as the outbox would, and signals it. */
  async function addReply(principal: string, card: string, body: unknown): Promise<void> {
    await database.pool.query(
      `insert into outbox (id, session_key, principal, channel, route, card, body, state)
       values ($1, 's', $2, 'web', '{}', $3, $4, 'sent')`,
      [randomUUID(), principal, card, JSON.stringify(body)],
    );
    await database.pool.query(`select pg_notify('web_reply', $1)`, [principal]);
  }

  async function setState(id: string, to: string): Promise<void> {
    await database.pool.query('update messages set state = $2 where id = $1', [id, to]);
  }

  async function loginLink(principal: string): Promise<string> {
    const token = newToken('login');
    await database.pool.query(
      `insert into web_logins (token_hash, principal, expires_at) values ($1, $2, now() + interval '1 hour')`,
      [hashToken(token), principal],
    );
    return `${base}/login?token=${token}`;
  }

  /** Signs in without the pages. @returns the cookie header and the CSRF token */
  function signInAs(principal: string): { cookie: string; csrf: string } {
    const session = { session: newToken('sess'), csrf: newToken('csrf'), principal };
    sessions.set(session.session, session);
    const name = publicUrl.startsWith('https:') ? '__Host-gatehouse' : `gatehouse-${port}`;
    return { cookie: `${name}=${session.session}`, csrf: session.csrf };
  }

  const web = mountWeb(app, deps);
  app.get('/v1/boom', () => {
    throw new GatehouseError('GH-TEST-001', 'for programs', { status: 400 });
  });
  app.get('/boom', () => {
    throw new Error('secret detail');
  });
  app.use(webNotFound, webErrorPages(deps));
  app.use(((error, _request, response, next) => {
    if (response.headersSent) return next(error);
    const problem = toProblem(error);
    response.status(problem.status).type('application/problem+json').send(problem);
  }) satisfies express.ErrorRequestHandler);
  await signals.start();

  return {
    base,
    publicUrl,
    state,
    pool: database.pool,
    terminals: deps.terminals,
    policy,
    sessions,
    addMessage,
    addReply,
    setState,
    loginLink,
    signInAs,
    async stop() {
      web.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await signals.stop();
      await database.drop();
      await rm(dataDir, { recursive: true });
    },
  };
}

export type WebStandIn = Awaited<ReturnType<typeof startWeb>>;
