import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from '../../../gateway/envelope/index.ts';
import type { PolicyInput, RunContext } from '../../../gateway/policy/index.ts';

/** The policies of the repository, which the tests read as they are shipped. */
export const policiesDir = fileURLToPath(new URL('../../../policies', import.meta.url));

/** A member's command in the web chat; `change` replaces what a test is about. */
export function runOf(change: Partial<RunContext> & { words?: string[] } = {}): RunContext {
  const { words, ...rest } = change;
  const command: Command | null = words ? { name: 'do', words } : null;
  return {
    runId: '00000000-0000-7000-8000-000000000001',
    messageId: 'web:local:c1:1:0',
    sessionKey: 'session-key-of-the-requester',
    principal: 'requester',
    actor: { principal: 'requester', display: 'Robin', roles: ['member'], groups: [], standing: 'member' },
    channel: { kind: 'web', visibility: 'dm' },
    command,
    text: words ? `/do ${words.join(' ')}` : 'hello',
    ingress: 'session',
    callsLeft: 50,
    ...rest,
  };
}

/** What the rules see of a member who reads; `change` replaces what a test is about. */
export function inputOf(change: Partial<PolicyInput> = {}): PolicyInput {
  const { actor, channel, ingress } = runOf();
  return {
    tool: {
      name: 'ledger.balance',
      risk: 'read',
      connector: 'postgres',
      kinds: {},
      dataClass: 'internal',
      money: [],
    },
    args: {},
    money: null,
    leaves: [],
    advisory: false,
    standing: false,
    anchored: true,
    ordered: false,
    undoable: false,
    carried: { hosts: [], secret: false, added: false },
    actor,
    channel,
    ingress,
    session: { tainted: false, outside: false, pendingAsks: 0, cardOpen: false, classesRead: [] },
    recipients: { count: 0, firstTime: [], nobody: false },
    rejectedBefore: false,
    budgets: [],
    uncovered: false,
    environment: 'production',
    localTime: null,
    now: '2026-11-02T10:00:00Z',
    ...change,
  };
}

/**
 * The shipped policies with some of their files changed, in a folder of its own.
 * @param files text by name, such as `limits.yaml` or `tools/mail.send.yaml`
 * @returns the folder; it is removed with the test's context
 */
export async function policiesWith(
  files: Record<string, string>,
  context: { after(work: () => Promise<void>): void },
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-policies-'));
  context.after(() => rm(folder, { recursive: true }));
  await cp(policiesDir, folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}
