import type { Traced } from './trace.ts';

/** A stretch of a governed message's way. */
export interface Part {
  where: 'client' | 'gateway' | 'n8n';
  name: string;
  ms: number;
}

/**
 * Splits the time of one message at the gateway's requests: until the dispatch leaves, and while the gateway answers a
 * call of the workflow, the gateway works; in between n8n does.
 * @param traced the gateway's requests meanwhile
 * @param from when the message was sent, on the clock of the trace
 * @param to when the reply was in the outbox
 */
export function partsOf(traced: Traced[], from: number, to: number): Part[] {
  const dispatch = traced.find((request) => request.kind === 'out' && request.path.startsWith('/webhook/'));
  const taken = traced.find((request) => request.kind === 'in' && request.path === '/messages');
  if (!dispatch || !taken) throw new Error('the trace lacks the message or its dispatch');
  const parts: Part[] = [
    { where: 'client', name: 'message on its way to the gateway', ms: taken.from - from },
    { where: 'gateway', name: 'message stored, queued and acknowledged', ms: taken.to - taken.from },
    { where: 'gateway', name: 'message taken from the queue, its run opened', ms: dispatch.from - taken.to },
  ];
  let at = dispatch.from;
  const calls = traced
    .filter((request) => request.kind === 'in' && request.path.startsWith('/v1/') && request.from < to)
    .sort((a, b) => a.from - b.from);
  for (const call of calls) {
    const end = Math.min(call.to, to);
    parts.push(
      { where: 'n8n', name: `until ${call.path}`, ms: call.from - at },
      { where: 'gateway', name: call.path, ms: end - call.from },
    );
    at = end;
  }
  // What the listener waits for the signal of the commit counts as the gateway's.
  parts.push({ where: 'gateway', name: 'reply signalled', ms: to - at });
  return parts;
}
