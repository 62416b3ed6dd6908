import { setTimeout as sleep } from 'node:timers/promises';
import type { Auth } from '../../../catalogue/index.ts';
import { GatehouseError } from '../../../config/index.ts';
import { EgressRefused, type EgressClient } from '../../../egress/index.ts';
import { sign, type SignerDeps } from './auth/index.ts';
import { limitOf, type Waits } from './limits.ts';
import type { Plan } from './plan.ts';
import { readReply, type Reply } from './reply.ts';
import { writtenBody, type Planned } from './request.ts';

/** What requests of all calls share. */
export interface ExchangeDeps extends SignerDeps {
  client: EgressClient;
  waits: Waits;
  /** Between two tries, in milliseconds. */
  pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Waits, unless the call ends before. @throws the signal's reason */
export const pause = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { signal });

/** A request of which nobody knows whether it had an effect. */
export class Unclear extends Error {
  override name = 'Unclear';
}

const tries = 3;
const firstPauseMs = 200;
const maxRedirects = 3;

/**
 * Sends one request of a call and returns its answer, whatever its status. Tried again are: one that was not sent, one that
 * was turned away for its rate, one with a token that ran out, and, where a second time has no second effect, one that
 * failed on its way or in the vendor's server.
 * @throws GatehouseError for a call that had no effect; Unclear where that cannot be said
 */
export async function exchange(plan: Plan, planned: Planned, deps: ExchangeDeps): Promise<Reply> {
  let unclear = false;
  for (let round = 1; ; round += 1) {
    await held(plan, deps);
    const last = round === tries;
    const sent = await sendOnce(plan, planned, deps).catch((error: unknown) => error as Error);
    if (sent instanceof Error) {
      const unsent = sent instanceof GatehouseError;
      if (!unsent) unclear = true;
      const again = unsent ? sent.code === 'GH-EGRESS-010' : plan.repeatable;
      if (last || !again || plan.call.signal.aborted) throw settled(plan, sent, unclear);
      await deps.pause(backoff(round), plan.call.signal).catch(() => {
        throw settled(plan, sent, unclear);
      });
      continue;
    }
    const { reply, forgotten, limited } = sent;
    // Turned away: it was not done, so that it can be asked again.
    if ((forgotten || limited) && !last) continue;
    if (limited) throw tooMany(plan, deps.waits.of(account(plan), deps.now()));
    if (reply.status < 500) {
      if (unclear && !plan.safe && reply.status > 299) throw new Unclear('an earlier try may have been done');
      return reply;
    }
    if (last || !plan.repeatable) {
      if (unclear && !plan.safe) throw new Unclear('an earlier try may have been done');
      return reply;
    }
    unclear = true;
    await deps.pause(backoff(round), plan.call.signal).catch(() => {
      throw new Unclear('the time of the call is over');
    });
  }
}

interface Sent {
  reply: Reply;
  /** Its token ran out or was revoked, and was forgotten. */
  forgotten: boolean;
  limited: boolean;
}

async function sendOnce(plan: Plan, planned: Planned, deps: ExchangeDeps): Promise<Sent> {
  const { api, call, secret, connector } = plan;
  const body = writtenBody(planned);
  const signed = api.auth ? await signedBy(api.auth, plan, body, deps) : null;
  const { repeat } = connector;
  const answer = await deps.client.send(
    {
      method: planned.method,
      url: planned.url.href,
      headers: {
        ...planned.headers,
        ...(repeat && 'header' in repeat && !plan.safe ? { [repeat.header]: call.attempt } : {}),
      },
      credentials: signed?.headers ?? {},
      body,
      signal: call.signal,
      maxBytes: connector.maxResponseBytes,
      redirects: maxRedirects,
    },
    plan.allowlist,
  );
  const reply = readReply(answer, [...(secret ? [secret.value] : []), ...(signed?.sensitive ?? [])]);
  const now = deps.now();
  const limit = limitOf(reply.status, reply.headers, now);
  if (limit.hit || limit.until !== null) deps.waits.note(account(plan), limit.until ?? now + 1000);
  const forgotten = reply.status === 401 && signed?.cached === true;
  if (forgotten && secret) deps.tokens.forget(api.auth, secret.value);
  return { reply, forgotten, limited: limit.hit };
}

/** @throws GatehouseError `GH-TOOLS-001` where no secret was lent: nothing goes out unsigned */
function signedBy(
  auth: Auth,
  { api, call, secret }: Plan,
  body: string | null,
  deps: SignerDeps,
): ReturnType<typeof sign> {
  if (!secret) throw new GatehouseError('GH-TOOLS-001', 'No secret was lent to the call.');
  const { attempt, signal } = call;
  return sign(auth, { api, secret: secret.value, body, attempt, signal }, deps);
}

/** Waits where the vendor asked for it and the call's time allows it. @throws GatehouseError `rate_limited` where not */
async function held(plan: Plan, deps: ExchangeDeps): Promise<void> {
  const ms = deps.waits.of(account(plan), deps.now());
  if (ms === 0) return;
  // The longest wait that leaves most of the call's time to the call.
  if (ms > (plan.call.tool.timeoutSeconds * 1000) / 2) throw tooMany(plan, ms);
  await deps.pause(ms, plan.call.signal).catch(() => {
    throw tooMany(plan, ms);
  });
}

const account = ({ api, secret }: Plan): string => `${api.url} ${secret?.name ?? ''}`;

/** Doubled at each try, and spread, so that callers which failed together do not come back together. */
const backoff = (round: number): number => firstPauseMs * 2 ** (round - 1) * (0.5 + Math.random());

/** An error that says that nothing happened does not say so of an earlier try. */
function settled(plan: Plan, error: Error, unclear: boolean): Error {
  if (error instanceof EgressRefused || (error instanceof GatehouseError && (!unclear || plan.safe)))
    return error;
  if (!plan.safe) return new Unclear('no answer', { cause: error });
  return new GatehouseError('GH-TOOLS-043', `${plan.api.title} did not answer.`, {
    status: 502,
    next: 'Try again later; nothing was changed.',
    cause: error,
  });
}

function tooMany({ api }: Plan, ms: number): GatehouseError {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  return new GatehouseError(
    'GH-TOOLS-044',
    `${api.title} takes no more calls for now, so nothing was done.`,
    {
      status: 429,
      next: `Try again in ${seconds} seconds.`,
      retryAfter: seconds,
    },
  );
}
