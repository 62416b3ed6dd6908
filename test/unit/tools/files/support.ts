import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTool, type Tool } from '../../../../gateway/catalogue/index.ts';
import { createFilesConnector, type FileFolders } from '../../../../gateway/tools/connectors/files/index.ts';
import type { Connector, ConnectorCall, Outcome } from '../../../../gateway/tools/types.ts';
import { policiesDir } from '../../policy/support.ts';

/** A shared folder beside one that no call may reach. */
export interface Shared {
  /** What the tools see. */
  root: string;
  /** Holds `secret.txt`. */
  outside: string;
  folders: FileFolders;
  connector: Connector;
  /** Runs a shipped tool. @param attempt a new one where left out */
  call(tool: string, args: Record<string, unknown>, attempt?: string): Promise<Outcome>;
  /** The result of a call that succeeded. */
  done(tool: string, args: Record<string, unknown>, attempt?: string): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

export const shippedTool = (name: string): Tool => {
  const file = join(policiesDir, 'tools', `${name}.yaml`);
  return parseTool(file, readFileSync(file, 'utf8'));
};

export const hashOf = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');

/** What a connector is handed for a call. */
export function callOf(
  tool: Tool,
  args: Record<string, unknown>,
  attempt: string,
  secret?: string,
): ConnectorCall {
  return {
    attempt,
    tool,
    args,
    caller: { runId: 'r', messageId: 'm', principal: 'p', channel: { kind: 'web' }, actor: {} as never },
    signal: AbortSignal.timeout(20_000),
    secret,
  };
}

export function shared(): Shared {
  const base = mkdtempSync(join(tmpdir(), 'gatehouse-files-'));
  const [root, outside] = [join(base, 'shared'), join(base, 'outside')];
  for (const folder of [root, outside]) mkdirSync(folder);
  writeFileSync(join(outside, 'secret.txt'), 'SECRET');
  const folders: FileFolders = { filesDir: root, reserved: [join(base, 'policies')] };
  const connector = createFilesConnector(folders);
  let attempts = 0;
  const call: Shared['call'] = (tool, args, attempt = `att_${(attempts += 1)}`) =>
    connector.run(callOf(shippedTool(tool), args, attempt));
  return {
    root,
    outside,
    folders,
    connector,
    call,
    async done(tool, args, attempt) {
      const outcome = await call(tool, args, attempt);
      if (outcome.status !== 'succeeded') throw new Error(JSON.stringify(outcome));
      return outcome.result as Record<string, unknown>;
    },
    close: () => rm(base, { recursive: true, force: true }),
  };
}
