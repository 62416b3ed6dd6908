import type { Catalogue, Tool } from '../../catalogue/index.ts';
import type { Outgoing } from '../../channels/index.ts';
import { GatehouseError } from '../../config/index.ts';
import type { Delivery } from '../../delivery/index.ts';
import type { KeptResults } from '../large-results.ts';
import type { Connector, ConnectorCall, Outcome } from '../types.ts';

/** A request that waits for people, as far as a list shows it. */
export interface WaitingRequest {
  id: string;
  sentence: string;
  deadline: string;
}

/** What the connector needs of approvals. */
export interface ApprovalLists {
  /** What this person may decide now. */
  pendingFor(principal: string): Promise<WaitingRequest[]>;
  /** What this person asked for and is still open. */
  requestedBy(principal: string): Promise<WaitingRequest[]>;
  /** @throws GatehouseError where it is not theirs or not open any more */
  cancel(id: string, principal: string): Promise<unknown>;
}

/** The tools that are about Gatehouse itself. Each answers with `result.text`. */
export function createGatehouseConnector(deps: {
  delivery: Pick<Delivery, 'answer'>;
  approvals: ApprovalLists;
  catalogue: Catalogue;
  results: KeptResults;
}): Connector {
  return {
    commitsAll: ({ connector }) => connector.kind === 'gatehouse' && connector.action === 'reply',
    async run(call) {
      const { connector } = call.tool;
      if (connector.kind !== 'gatehouse')
        throw new GatehouseError('GH-TOOLS-001', 'The tool has another connector.');
      switch (connector.action) {
        case 'reply':
          return reply(deps.delivery, call);
        case 'help':
          return say(help(deps.catalogue.list(), call.args.request));
        case 'whoami':
          return say(whoami(call));
        case 'pending':
          return say(await pending(deps.approvals, person(call)));
        case 'cancel':
          return cancel(deps.approvals, person(call), call.args.request);
        case 'result':
          return resultPart(deps.results, call);
      }
    },
  };
}

const say = (text: string): Outcome => ({ status: 'succeeded', result: { text } });

function person(call: ConnectorCall): string {
  if (call.caller.principal !== null) return call.caller.principal;
  throw new GatehouseError('GH-TOOLS-004', 'Only a known person has requests.', { status: 403 });
}

/** The attempt's id is the reply's; it is stored with the outcome or not at all. */
function reply(delivery: Pick<Delivery, 'answer'>, call: ConnectorCall): Outcome {
  return {
    status: 'succeeded',
    result: {},
    commit(tx) {
      // The catalogue's schema lets no other word through.
      const tone = (call.args.outcome ?? 'done') as NonNullable<Outgoing['tone']>;
      const body = { text: String(call.args.text), tone };
      const { runId, messageId, channel } = call.caller;
      delivery.answer(tx, { runId, messageId, channel: channel.kind, id: call.attempt, body });
    },
  };
}

/** The few that everybody needs, and the names of the others; with a name, that command in full. */
function help(tools: readonly Tool[], about: unknown): string {
  const line = ({ usage, command, description }: Tool): string => `${usage ?? command} – ${description}`;
  const nameOf = (text: string): string => text.slice(1).split(' ', 1)[0] ?? '';
  const typed = tools.filter(({ usage, command }) => usage !== undefined || command !== undefined);
  if (typeof about === 'string') {
    const wanted = about.toLowerCase();
    const named = typed.filter(({ usage, command }) => nameOf(command ?? usage ?? '') === wanted);
    if (named.length > 0) return named.map(line).join('\n');
    return `There is no command /${wanted}. Send /help for the list.`;
  }
  const more = [...new Set(typed.flatMap(({ command }) => (command === undefined ? [] : [nameOf(command)])))];
  return [
    'Here is what you can write:',
    ...typed.filter(({ command }) => command === undefined).map(line),
    ...(more.length > 0
      ? [`More: ${more.map((name) => `/${name}`).join(', ')}. /help ${more[0]} tells how one is written.`]
      : []),
  ].join('\n');
}

function whoami({ caller }: ConnectorCall): string {
  const { actor } = caller;
  if (actor.principal === null) return 'Gatehouse does not know you yet.';
  const roles = actor.roles.length > 0 ? actor.roles.join(', ') : 'none';
  const groups = actor.groups.length > 0 ? ` Groups: ${actor.groups.join(', ')}.` : '';
  return `You are ${actor.display} (${actor.principal}). Roles: ${roles}.${groups}`;
}

async function pending(approvals: ApprovalLists, principal: string): Promise<string> {
  const [mine, forMe] = await Promise.all([
    approvals.requestedBy(principal),
    approvals.pendingFor(principal),
  ]);
  const parts: string[] = [];
  if (mine.length > 0) parts.push(['You wait for:', ...mine.map(line)].join('\n'));
  if (forMe.length > 0) parts.push(['These wait for your decision:', ...forMe.map(line)].join('\n'));
  return parts.length > 0 ? parts.join('\n\n') : 'Nothing is pending.';
}

async function resultPart(results: KeptResults, { args, attempt }: ConnectorCall): Promise<Outcome> {
  const { ref, offset = 0 } = args as { ref: string; offset?: number };
  const result = await results.part(attempt, ref, offset);
  if (result) return { status: 'succeeded', result };
  const text = 'There is no such result in this conversation, or it was deleted after its time.';
  return { status: 'failed', reasons: [{ code: 'result_unknown', text }] };
}

const line = (request: WaitingRequest): string =>
  `${request.sentence}, until ${request.deadline.slice(0, 16).replace('T', ' ')} UTC (${request.id})`;

async function cancel(approvals: ApprovalLists, principal: string, wanted: unknown): Promise<Outcome> {
  const open = await approvals.requestedBy(principal);
  const chosen = typeof wanted === 'string' ? open.filter((request) => request.id === wanted) : open;
  const [request, another] = chosen;
  if (!request) {
    const text = wanted === undefined ? 'You have no open request.' : 'You have no open request of this id.';
    return { status: 'failed', reasons: [{ code: 'nothing_to_cancel', text }] };
  }
  if (another) {
    const text = [
      'You have several open requests. Add the id of the one to cancel:',
      ...chosen.map(line),
    ].join('\n');
    return { status: 'failed', reasons: [{ code: 'cancel_ambiguous', text }] };
  }
  await approvals.cancel(request.id, principal);
  return say(`Cancelled: ${request.sentence}.`);
}
