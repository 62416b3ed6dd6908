import type { KeyObject } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Pool } from 'undici';
import type { z } from 'zod';
import { GatehouseError } from '../config/index.ts';
import {
  LimitsSchema,
  EventSchema,
  unavailable,
  type Ending,
  type EgressRequest,
  type RunRequest,
  type RunResult,
} from './contract.ts';
import type { EgressSchema } from './egress/contract.ts';
import { seal } from './egress/sealed.ts';
import { packFiles } from './files.ts';
import { connect } from './identity.ts';
import { orderKey, Seal, sealBytes, signOrder } from './order.ts';
import { asText, type OutputName } from './output.ts';

/** The gateway's side of the sandbox. */
export interface Sandbox {
  /**
   * Runs a snippet in a container of its own. Never throws, and never runs it anywhere else.
   * @param onOutput told of output as it comes
   */
  run(
    job: RunRequest,
    signal?: AbortSignal,
    onOutput?: (name: OutputName, chunk: Buffer) => void,
  ): Promise<RunResult>;
}

/** What Docker may need besides the run itself: a queue of others, a container to make and to remove. */
const overheadMs = 60_000;
/** What is sealed and sent at once. */
const pieceBytes = 262_144;
/** What is shorter is sent together with what comes next. */
const smallBytes = 16_384;
/** Nothing that a runner sends is larger: output and artefacts, in base64. */
const mostBytes = 16 * 1024 * 1024;

/**
 * @param runnerUrl base URL of `gatehouse runner`, or `unix:` and the path of its socket; without it every run is answered
 * `sandbox_unavailable`
 * @param token what the runner's orders are signed with
 */
export function createSandbox(options: {
  runnerUrl: string | undefined;
  token: string | undefined;
}): Sandbox {
  const { runnerUrl, token } = options;
  if (runnerUrl === undefined || token === undefined) {
    const none = unavailable('no_runner', 'No sandbox runner is configured.');
    return { run: () => Promise.resolve(withOutput(none, [])) };
  }
  const pool = connect(runnerUrl);
  const key = orderKey(token);
  return {
    async run(job, signal, onOutput) {
      const output: [OutputName, Buffer][] = [];
      const collect = (name: OutputName, chunk: Buffer): void => {
        output.push([name, chunk]);
        onOutput?.(name, chunk);
      };
      return withOutput(await call(pool, key, job, signal, collect), output);
    },
  };
}

async function call(
  pool: Pool,
  key: KeyObject,
  job: RunRequest,
  signal: AbortSignal | undefined,
  onOutput: (name: OutputName, chunk: Buffer) => void,
): Promise<Ending> {
  const limits = LimitsSchema.safeParse(job.limits ?? {});
  if (!limits.success) {
    const [issue] = limits.error.issues;
    return refused(
      'bad_request',
      `The limit ${issue?.path.join('.') ?? ''} is not usable: ${issue?.message ?? ''}`,
    );
  }
  const limit = AbortSignal.timeout(limits.data.timeoutMs + overheadMs);
  try {
    const files = packFiles(job.files ?? []);
    const parts = [files, [Buffer.from(job.stdin ?? '')], [Buffer.from(job.code)]];
    const [filesBytes = 0, stdinBytes = 0, codeBytes = 0] = parts.map((some) =>
      some.reduce((sum, { byteLength }) => sum + byteLength, 0),
    );
    const order = signOrder(key, {
      language: job.language,
      ...(job.egress ? { network: 'egress', egress: await sealed(key, job.egress) } : { network: 'none' }),
      limits: limits.data,
      artefacts: job.artefacts ?? [],
      bytes: { files: filesBytes, stdin: stdinBytes, code: codeBytes },
    });
    const answer = await pool.request({
      method: 'POST',
      path: '/runs',
      headers: {
        'gatehouse-order': order,
        'content-type': 'application/octet-stream',
        'content-length': String(filesBytes + stdinBytes + codeBytes + sealBytes),
      },
      // Undici takes what can be iterated; its types do not say so.
      body: withSeal(parts.flat(), new Seal(key, order)) as unknown as Readable,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    if (answer.statusCode !== 200) return refusal(answer.statusCode, await answer.body.json());
    for await (const line of linesOf(answer.body)) {
      const event = EventSchema.parse(JSON.parse(line));
      if ('ending' in event) return event.ending;
      if ('stdout' in event) onOutput('stdout', Buffer.from(event.stdout, 'base64'));
      else onOutput('stderr', Buffer.from(event.stderr, 'base64'));
    }
    return unavailable('runner_unreachable', 'The sandbox runner broke off its answer.');
  } catch (error) {
    if (error instanceof GatehouseError) return refused(error.code, error.message);
    return unavailable('runner_unreachable', 'The sandbox runner does not answer.');
  }
}

/** The body as it is sent, small parts together, and sealed meanwhile. */
function* withSeal(parts: readonly Uint8Array[], seal: Seal): Generator<Uint8Array> {
  const small: Uint8Array[] = [];
  for (const part of parts) {
    for (let at = 0; at < part.byteLength; at += pieceBytes) {
      const piece = part.subarray(at, at + pieceBytes);
      seal.update(piece);
      small.push(piece);
      if (piece.byteLength < smallBytes) continue;
      yield* small.splice(0);
    }
  }
  yield Buffer.concat([...small, seal.digest()]);
}

/** The rules as they travel: with their secrets closed. */
const sealed = (key: KeyObject, egress: EgressRequest[]): Promise<z.input<typeof EgressSchema>> =>
  Promise.all(
    egress.map(async ({ secret, ...rule }) => {
      if (!secret) return rule;
      const { value, ...where } = secret;
      return { ...rule, secret: { ...where, sealed: await seal(key, value) } };
    }),
  );

/** The lines of an answer. @throws where it is longer than any run's */
async function* linesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let [rest, received] = ['', 0];
  for await (const chunk of body) {
    received += chunk.length;
    if (received > mostBytes) throw new Error('more than any run answers');
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

/** What the runner says of the run itself is an error of the run; all else is the sandbox's. */
function refusal(status: number, problem: unknown): Ending {
  const { code, detail } = (problem ?? {}) as { code?: unknown; detail?: unknown };
  if ((status === 400 || status === 413) && typeof code === 'string' && typeof detail === 'string') {
    return refused(code === 'GH-SANDBOX-003' ? 'bad_request' : code, detail);
  }
  return unavailable('runner_refused', `The sandbox runner refused the call (HTTP ${status}).`);
}

const refused = (code: string, text: string): Ending => ({ ...unavailable(code, text), status: 'error' });

function withOutput(ending: Ending, output: readonly [OutputName, Buffer][]): RunResult {
  const of = (name: OutputName): ReturnType<typeof asText> =>
    asText(Buffer.concat(output.filter(([from]) => from === name).map(([, chunk]) => chunk)));
  const [stdout, stderr] = [of('stdout'), of('stderr')];
  return {
    ...ending,
    stdout: stdout.text,
    stderr: stderr.text,
    encoding: { stdout: stdout.encoding, stderr: stderr.encoding },
  };
}
