import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { freePorts, removeStack, repository, startStack, type Stack } from '../../../gateway/cli/up/index.ts';
import { n8nApi } from '../../../gateway/cli/n8n-api.ts';
import { n8nOwner } from '../../support/n8n-owner.ts';
import { workflowFile } from '../n8n/instance.ts';
import type { Traced } from './trace.ts';

/** The whole product, with the bare workflow in the same n8n and a trace of the gateway's requests. */
export interface OverheadStack {
  stack: Stack;
  /** Address of the bare webhook. */
  bare: string;
  /** Sends a chat message as the requester. */
  send(text: string): Promise<void>;
  /** What the gateway answered and asked since the last call. */
  traced(): Traced[];
  stop(): Promise<void>;
}

/** Starts the stack, brings the bare workflow into its n8n, and signs the requester in. */
export async function startOverheadStack(): Promise<OverheadStack> {
  const dir = await mkdtemp('/var/tmp/gatehouse-overhead-');
  const policies = join(dir, 'policies');
  await cp(join(repository, 'policies'), policies, { recursive: true });
  // The rate limiter stays on, and counts more than the bench sends.
  const limits = join(policies, 'limits.yaml');
  await writeFile(
    limits,
    (await readFile(limits, 'utf8')).replace(/messages: \d+, seconds: \d+/g, 'messages: 100000, seconds: 60'),
  );
  const traceFile = join(dir, 'trace.jsonl');
  await writeFile(traceFile, '');
  const trace = pathToFileURL(join(import.meta.dirname, 'trace.ts'));
  trace.search = encodeURIComponent(traceFile);
  const stack = await startStack({
    dir: join(dir, 'stack'),
    ports: await freePorts(),
    env: { GATEHOUSE_POLICIES_DIR: policies, NODE_OPTIONS: `--import=${trace.href}` },
    supervise: false,
  });
  let read = 0;
  const stop = async (): Promise<void> => {
    await stack.stop();
    await removeStack(join(dir, 'stack'));
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const bare = await bringBare(stack);
    return {
      stack,
      bare,
      send: await signIn(stack),
      traced() {
        const text = readFileSync(traceFile, 'utf8');
        const lines = text.slice(read).split('\n').filter(Boolean);
        read = text.length;
        return lines.map((line) => JSON.parse(line) as Traced);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function bringBare(stack: Stack): Promise<string> {
  const base = `http://127.0.0.1:${stack.ports.n8n}`;
  const owner = await n8nOwner({ ...stack.owner, url: base });
  const { name, nodes, connections, settings } = JSON.parse(await readFile(workflowFile, 'utf8')) as Record<
    string,
    unknown
  >;
  const api = n8nApi(base, await owner.apiKey(['workflow:create', 'workflow:activate']));
  const { id } = await api.send<{ id: string }>('POST', '/workflows', { name, nodes, connections, settings });
  await api.send('POST', `/workflows/${id}/publish`, {});
  return `${base}/webhook/bench-bare`;
}

async function signIn(stack: Stack): Promise<OverheadStack['send']> {
  const { origin } = new URL(stack.urls.chat);
  const token = new URL(stack.links.requester).searchParams.get('token') ?? '';
  const headers = { origin, 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await fetch(`${origin}/login`, {
    method: 'POST',
    headers,
    redirect: 'manual',
    body: new URLSearchParams({ token }),
  });
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const page = await (await fetch(`${origin}/`, { headers: { cookie } })).text();
  const csrf = /name="csrf" value="([^"]+)"/.exec(page)?.[1];
  if (!csrf) throw new Error('the chat page could not be opened');
  return async (text) => {
    const sent = await fetch(`${origin}/messages`, {
      method: 'POST',
      headers: { ...headers, cookie, 'hx-request': 'true' },
      body: new URLSearchParams({ csrf, text }),
    });
    await sent.arrayBuffer();
    if (!sent.ok) throw new Error(`the gateway answered ${sent.status} to a message`);
  };
}
