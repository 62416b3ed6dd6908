import type { ChainState } from '../audit/index.ts';
import type { Settings } from '../config/index.ts';
import type { KillSwitch } from '../policy/index.ts';
import type { Exemption } from '../workflows/index.ts';
import { counted, fail, note, ok, oneLine, warn, type Finding } from './finding.ts';

/** What n8n may publish. */
export function flowGuardFindings(
  mode: Settings['flowGuard'],
  exemptions: readonly Exemption[],
  now: Date,
): Finding[] {
  const today = now.toISOString().slice(0, 10);
  const enforce = 'Set GATEHOUSE_FLOW_GUARD=enforce and start again.';
  const modes = {
    enforce: ok('flow-guard', 'n8n publishes no workflow with a risky node that no gate governs.'),
    warn: note('flow-guard', 'n8n publishes ungoverned nodes, with a warning in its log.', enforce),
    off: warn('flow-guard', 'The flow guard is off: n8n publishes ungoverned nodes.', enforce),
  };
  return [
    modes[mode],
    ...exemptions.map(({ workflow, node, reason, owner, until }) => {
      const what = `"${node}" of the workflow "${workflow}"`;
      if (until !== undefined && until < today) {
        return warn(
          'exemptions',
          `The exemption of ${what} by ${owner} ended on ${until}.`,
          'Put a gate before the node, and take the entry out of policies/workflows.yaml.',
        );
      }
      const end = until === undefined ? '' : ` until ${until}`;
      return note('exemptions', `${what} needs no gate${end}, for which ${owner} answers: ${reason}`);
    }),
  ];
}

/** What is stopped. */
export function killSwitchFindings(switches: readonly KillSwitch[]): Finding[] {
  if (switches.length === 0) return [ok('kill-switch', 'Nothing is stopped.')];
  return switches.map(({ target, by, since, reason }) => {
    const [kind, ...name] = target.split(':');
    const option = name.length === 0 ? '' : ` --${kind} '${name.join(':')}'`;
    return warn(
      'kill-switch',
      `${target === 'all' ? 'Every call' : target} is stopped by ${by} since ${since.slice(0, 16)}: ${reason}`,
      `npx gatehouse kill-switch off${option} --reason WHY`,
    );
  });
}

const longestTailSeconds = 60;

/** Whether receipts are sealed in time. That the heads agree is part of asking. */
export function receiptsFindings({ sealed, heads, unsealed, oldestSeconds }: ChainState): Finding[] {
  return [
    heads === 0 && sealed > 0
      ? warn(
          'heads',
          `No head outside Postgres witnesses the chain of ${counted(sealed, 'receipt')}.`,
          'Put receipt-heads.jsonl back from the backup; without one, the next start begins a new one.',
        )
      : ok(
          'heads',
          `The chain of ${counted(sealed, 'receipt')} agrees with ${counted(heads, 'head')} outside Postgres.`,
        ),
    oldestSeconds > longestTailSeconds
      ? warn(
          'sealing',
          `${counted(unsealed, 'receipt')} not sealed yet, the oldest for ${Math.round(oldestSeconds)} seconds.`,
          'Start the gateway, which seals them; where it runs, its log says what is in the way.',
        )
      : ok('sealing', 'No receipt waits long for its seal.'),
  ];
}

/** What an address answered: its status, or the code of why there was no answer. */
export type Answer = { status: number } | { unreachable: string };

const said = (answer: Answer): string =>
  'status' in answer ? `it answered ${answer.status}` : answer.unreachable;
const answers = (answer: Answer): boolean => 'status' in answer && answer.status === 200;

/** Whether n8n is there. */
export function n8nFindings(origin: string, answer: Answer): Finding[] {
  return [
    answers(answer)
      ? ok('n8n', `n8n answers at ${origin}.`)
      : fail(
          'n8n',
          `n8n does not answer at ${origin} (${said(answer)}); messages wait for it.`,
          'Start it, or correct GATEHOUSE_N8N_URL.',
        ),
  ];
}

/** What a running gateway says of itself: the checks of its `/readyz`. */
export type Readiness = Record<string, { state: 'ok' | 'warn' | 'down'; text?: string }>;

/** Each check that is not well. */
export function gatewayFindings(readiness: Readiness | null): Finding[] {
  if (readiness === null) return [note('gateway', 'No gateway answers here.', 'npm start')];
  const unwell = Object.entries(readiness).filter(([, { state }]) => state !== 'ok');
  if (unwell.length === 0) return [ok('gateway', 'The running gateway is ready.')];
  return unwell.map(([name, { state, text }]) =>
    (state === 'down' ? fail : warn)('gateway', `${name}: ${oneLine(text ?? 'it is not well.')}`),
  );
}

/** Whether code can run. */
export function sandboxFindings(sandbox: {
  origin: string | null;
  token: boolean;
  answer: Answer | null;
}): Finding[] {
  const { origin, token, answer } = sandbox;
  if (origin === null || answer === null) {
    return [
      note(
        'sandbox',
        'No sandbox runner is configured, so tools that run code answer sandbox_unavailable.',
        'Start npx gatehouse runner and set GATEHOUSE_RUNNER_URL; docs/sandbox.md says how.',
      ),
    ];
  }
  if (!token) {
    const text = `The runner at ${origin} cannot be used without its token.`;
    return [note('sandbox', text, 'npx gatehouse secret set runner/token')];
  }
  if (answers(answer)) return [ok('sandbox', `The runner at ${origin} answers, and so does its Docker.`)];
  const text = `The runner at ${origin} cannot run code (${said(answer)}).`;
  return [note('sandbox', text, 'Start Docker and npx gatehouse runner.')];
}
