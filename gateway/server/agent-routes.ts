import type { Request } from 'express';
import type { Agent, Waits } from '../agent/index.ts';
import { GatehouseError } from '../config/index.ts';
import type { Delivery } from '../delivery/index.ts';
import { AgentRunAnswer, AgentTextAnswer, AgentWaitAnswer } from './answers.ts';
import {
  AgentMessageRequest,
  AgentRequest,
  AgentSteerRequest,
  AgentTextRequest,
  AgentWaitRequest,
} from './requests.ts';
import { route, type Route } from './route.ts';
import { runHeader, runTokenOf } from './run-token.ts';

/** The routes of agent runs. Each asks for a run token: a run shows itself to its own actor in its own conversation. */
export function agentRoutes({
  agent,
  waits,
  delivery,
}: {
  agent: Agent;
  waits: Pick<Waits, 'begin'>;
  delivery: Pick<Delivery, 'authenticateRun'>;
}): Route[] {
  const steering = (verb: 'pause' | 'resume' | 'stop', summary: string): Route =>
    route({
      method: 'post',
      path: `/v1/agent/runs/:id/${verb}`,
      summary,
      scope: 'run',
      body: AgentSteerRequest,
      answer: AgentRunAnswer,
      handle: async ({ body, request }) =>
        agent[verb](await delivery.authenticateRun(body.run), idOf(request)),
    });
  return [
    route({
      method: 'post',
      path: '/v1/agent/runs',
      summary: 'Start a run of the agent, or find the one that this step started',
      scope: 'run',
      body: AgentRequest,
      answer: AgentRunAnswer,
      async handle({ body }) {
        const { run, ...asked } = body;
        return agent.start(await delivery.authenticateRun(run), asked);
      },
    }),
    route({
      method: 'post',
      path: '/v1/agent/texts',
      summary: 'Summarise, classify or take values out of a text; the same step is answered and paid once',
      scope: 'run',
      body: AgentTextRequest,
      answer: AgentTextAnswer,
      async handle({ body }) {
        const { run, ...asked } = body;
        return agent.text(await delivery.authenticateRun(run), asked);
      },
    }),
    route({
      method: 'get',
      path: '/v1/agent/runs/:id',
      summary: `What a run of the agent does; the run token comes in the header ${runHeader}`,
      scope: 'run',
      answer: AgentRunAnswer,
      handle: async ({ request }) =>
        agent.show(await delivery.authenticateRun(runTokenOf(request)), idOf(request)),
    }),
    steering('pause', 'Hold a run of the agent after its current step'),
    steering('resume', 'Let a paused run of the agent go on'),
    steering('stop', 'End a run of the agent, and take back what it asked people'),
    route({
      method: 'post',
      path: '/v1/agent/waits',
      summary:
        'Start runs of the agent, or find them, and have an execution of n8n wait until they have ended',
      scope: 'run',
      body: AgentWaitRequest,
      answer: AgentWaitAnswer,
      async handle({ body }) {
        const { run, requests, ...place } = body;
        const begun = await waits.begin(await delivery.authenticateRun(run), place, requests);
        return { ...begun, runs: begun.runs.map(orRefused) };
      },
    }),
    route({
      method: 'post',
      path: '/v1/agent/runs/:id/messages',
      summary: 'Say something to a run of the agent, which it reads before its next step',
      scope: 'run',
      body: AgentMessageRequest,
      answer: AgentRunAnswer,
      handle: async ({ body, request }) =>
        agent.say(await delivery.authenticateRun(body.run), idOf(request), body.text),
    }),
  ];
}

const orRefused = <T>(run: T | GatehouseError) =>
  run instanceof GatehouseError
    ? { refused: { code: run.code, detail: run.message, next: run.next ?? null } }
    : run;

function idOf(request: Request): string {
  const id = String(request.params.id);
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return id;
  throw new GatehouseError('GH-AGENT-010', 'There is no such run of this person in this conversation.', {
    status: 404,
  });
}
