import type { Agent, Waits } from '../agent/index.ts';
import type { Approvals } from '../approvals/index.ts';
import { listReceipts } from '../audit/index.ts';
import type { Catalogue } from '../catalogue/index.ts';
import type { Pool } from '../db/index.ts';
import type { Delivery } from '../delivery/index.ts';
import type { Policy } from '../policy/index.ts';
import type { Tools } from '../tools/index.ts';
import { agentRoutes } from './agent-routes.ts';
import {
  ApprovalsAnswer,
  DecisionAnswer,
  ExecutionAnswer,
  KillSwitchesAnswer,
  RunAnswer,
  ToolsAnswer,
  VoteAnswer,
} from './answers.ts';
import {
  ApprovalRequest,
  CodeRequest,
  DecisionRequest,
  EnvelopeRequest,
  ExecutionRequest,
  KillSwitchRequest,
  PingRequest,
  ReplyRequest,
  VoteRequest,
} from './requests.ts';
import { route, type Route } from './route.ts';
import { givenRunToken, runHeader } from './run-token.ts';
import { z } from 'zod';

/** The rooms that the internal API speaks for. */
export interface ApiParts {
  pool: Pool;
  policy: Policy;
  catalogue: () => Catalogue;
  approvals: Approvals;
  delivery: Delivery;
  tools: Tools;
  agent: Agent;
  waits: Pick<Waits, 'begin'>;
}

/** Every route of the internal API. */
export function apiRoutes(parts: ApiParts): Route[] {
  return [...runRoutes(parts), ...agentRoutes(parts), ...approvalRoutes(parts), ...readRoutes(parts)];
}

function runRoutes({ policy, delivery, tools }: ApiParts): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/pings',
      summary: 'The Envelope Normaliser answers a signed ping',
      scope: 'run',
      body: PingRequest,
      async handle({ body }) {
        delivery.pong(body.id);
        return undefined;
      },
    }),
    route({
      method: 'post',
      path: '/v1/envelopes',
      summary: 'Make an envelope of what another n8n trigger received, and open a run for it',
      scope: 'run',
      body: EnvelopeRequest,
      answer: z.strictObject({ envelope: z.looseObject({}), run: RunAnswer }),
      handle: ({ body }) => delivery.openRun(body),
    }),
    route({
      method: 'post',
      path: '/v1/decisions',
      summary: 'Decide one tool call',
      scope: 'run',
      body: DecisionRequest,
      answer: DecisionAnswer,
      async handle({ body }) {
        const { run, ...call } = body;
        return policy.decide(await delivery.authenticateRun(run), call);
      },
    }),
    route({
      method: 'post',
      path: '/v1/executions',
      summary: 'Run one tool call, with its grant or by deciding it now',
      scope: 'run',
      body: ExecutionRequest,
      answer: ExecutionAnswer,
      async handle({ body }) {
        const { run, ...call } = body;
        return tools.execute(await delivery.authenticateRun(run), call);
      },
    }),
    route({
      method: 'post',
      path: '/v1/replies',
      summary: 'Reply into the conversation that the run came from',
      scope: 'run',
      body: ReplyRequest,
      answer: ExecutionAnswer,
      async handle({ body }) {
        return tools.execute(await delivery.authenticateRun(body.run), {
          tool: 'conversation.reply',
          args: { text: body.text },
          step: body.step,
        });
      },
    }),
    route({
      method: 'post',
      path: '/v1/code/runs',
      summary: 'Run a snippet in the sandbox',
      scope: 'run',
      body: CodeRequest,
      answer: ExecutionAnswer,
      async handle({ body }) {
        const { run, grant, step, ...args } = body;
        return tools.execute(await delivery.authenticateRun(run), { tool: 'code.run', args, grant, step });
      },
    }),
  ];
}

function approvalRoutes({ approvals, delivery }: ApiParts): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/approvals',
      summary: 'Ask for the decisions of one waiting gate',
      scope: 'run',
      body: ApprovalRequest,
      answer: ApprovalsAnswer,
      async handle({ body }) {
        const { run, ...gate } = body;
        return approvals.register(await delivery.authenticateRun(run), gate);
      },
    }),
    route({
      method: 'get',
      path: '/v1/approvals',
      summary: 'List the first 500 approvals that are open, and how many there are',
      scope: 'read',
      async handle() {
        const { cards, total } = await approvals.listOpen();
        return { approvals: cards, total };
      },
    }),
    route({
      method: 'get',
      path: '/v1/approvals/standing',
      summary: 'List what approvers allowed beforehand, and what is left of it',
      scope: 'read',
      handle: async () => ({ standing: await approvals.standing() }),
    }),
    route({
      method: 'get',
      path: '/v1/approvals/:id',
      summary: 'What an approver is shown',
      scope: 'run',
      handle: ({ request }) => approvals.card(String(request.params.id)),
    }),
    route({
      method: 'post',
      path: '/v1/approvals/:id/votes',
      summary: 'Relay the vote of an approver; it counts only with the personal token of their link',
      scope: 'run',
      body: VoteRequest,
      answer: VoteAnswer,
      handle: ({ body, request }) =>
        approvals.voteByToken(String(request.params.id), body.token, body.verdict, body.comment, body.shown),
    }),
  ];
}

function readRoutes({ pool, policy, catalogue, delivery }: ApiParts): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/whoami',
      summary: 'Which client this token belongs to',
      scope: 'run',
      handle: ({ client }) => Promise.resolve({ client: client.id, scopes: client.scopes }),
    }),
    route({
      method: 'get',
      path: '/v1/tools',
      summary: `The tools that the rules could let the actor of a run call, with its token in the header ${runHeader}; without one the whole catalogue`,
      scope: 'run',
      answer: ToolsAnswer,
      async handle({ request }) {
        const token = givenRunToken(request);
        const tools =
          token === undefined
            ? catalogue().list()
            : await policy.couldBeAllowed(await delivery.authenticateRun(token));
        return {
          tools: tools.map(({ name, title, description, risk, args }) => {
            return { name, title, description, risk, args };
          }),
        };
      },
    }),
    route({
      method: 'get',
      path: '/v1/receipts',
      summary: 'Receipts, newest action first',
      scope: 'read',
      handle: async () => ({ actions: await listReceipts(pool, { all: true }) }),
    }),
    route({
      method: 'post',
      path: '/v1/kill-switch',
      summary: 'Stop tool calls at once, all or those of one target, or allow them again',
      scope: 'admin',
      body: KillSwitchRequest,
      async handle({ body, client }) {
        await policy.setKillSwitch({ ...body, by: `client:${client.id}` });
        return { engaged: body.engaged, target: body.target };
      },
    }),
    route({
      method: 'get',
      path: '/v1/kill-switch',
      summary: 'The kill switches that are on',
      scope: 'read',
      answer: KillSwitchesAnswer,
      handle: async () => ({ switches: await policy.killSwitches() }),
    }),
  ];
}
