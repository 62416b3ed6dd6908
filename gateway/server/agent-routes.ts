import type { Request } from 'express';
import type { Agent } from '../agent/index.ts';
import { GatehouseError } from '../config/index.ts';
import type { Delivery } from '../delivery/index.ts';
import { AgentRunAnswer, AgentTextAnswer } from './answers.ts';
import { AgentMessageRequest, AgentRequest, AgentSteerRequest, AgentTextRequest } from './requests.ts';
import { route, type Route } from './route.ts';

const header = 'gatehouse-run';

/** The routes of agent runs. Each asks for a run token: a run shows itself to its own actor in its own conversation. */
export function agentRoutes({
  agent,
  delivery,
}: {
  agent: Agent;
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
      summary: `What a run of the agent does; the run token comes in the header ${header}`,
      scope: 'run',
      answer: AgentRunAnswer,
      handle: async ({ request }) =>
        agent.show(await delivery.authenticateRun(tokenOf(request)), idOf(request)),
    }),
    steering('pause', 'Hold a run of the agent after its current step'),
    steering('resume', 'Let a paused run of the agent go on'),
    steering('stop', 'End a run of the agent, and take back what it asked people'),
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

/** In a header, because addresses are logged. */
function tokenOf(request: Request): string {
  const token = request.get(header);
  if (token !== undefined && token.length >= 8 && token.length <= 128) return token;
  throw new GatehouseError('GH-HTTP-422', `The header ${header} is missing.`, {
    field: header,
    next: 'Send the run token of the envelope that this execution was started with.',
  });
}

function idOf(request: Request): string {
  const id = String(request.params.id);
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return id;
  throw new GatehouseError('GH-AGENT-010', 'There is no such run of this person in this conversation.', {
    status: 404,
  });
}
