import { GatehouseError } from '../../config/index.ts';
import type { Secrets } from '../stores/open.ts';
import type { Copy } from './plan.ts';

/** Where the value of a copy comes from. */
export type Source =
  /** Made for this copy alone, each time anew. */
  | { kind: 'made' }
  /** Rotated by the gateway: the same value until the next rotation. */
  | { kind: 'rotated'; version: string; next: Date; until: Date };

/**
 * Looks whether a secret may be copied: only what ends soon by itself, and is nobody else's.
 * @param used secrets with the tools that name each
 * @throws GatehouseError `GH-VAULT-029` for a long-lived one, `GH-VAULT-030` for one that is rotated too seldom,
 *   `GH-VAULT-031` for one that tools use, `GH-VAULT-008` for one that is not set
 */
export async function sourceOf(
  { secret, lifetime }: Copy,
  secrets: Secrets,
  used: ReadonlyMap<string, readonly string[]>,
): Promise<Source> {
  const tools = used.get(secret);
  if (tools) {
    throw refused(
      'GH-VAULT-031',
      `The secret ${secret} is what ${tools.join(', ')} use, so n8n does not get it.`,
      {
        next: 'Give n8n an account of its own that may do only what its nodes need.',
      },
    );
  }
  if (secrets.routes.of(secret)?.role !== undefined) return { kind: 'made' };
  const plan = secrets.routes.rotations().find(({ name }) => name === secret)?.rotate;
  if (!plan) {
    throw refused('GH-VAULT-029', `The secret ${secret} is long-lived, so it is not copied into n8n.`, {
      next: 'Take a role of a Vault’s database engine, or rotate it; docs/secrets.md says how.',
    });
  }
  const overlap = plan.by.kind === 'vault' ? 0 : plan.overlap;
  if (plan.every + overlap > lifetime)
    throw lastsLonger(secret, 'Rotate it more often, or make its overlap shorter.');
  const info = await secrets.describe(secret);
  if (!info) {
    throw new GatehouseError('GH-VAULT-008', `The secret ${secret} is not set.`, {
      status: 409,
      next: `Run gatehouse secret set ${secret}.`,
    });
  }
  const next = Date.parse(info.updatedAt) + plan.every;
  return {
    kind: 'rotated',
    version: `${info.version} ${info.updatedAt}`,
    next: new Date(next),
    until: new Date(next + overlap),
  };
}

export const lastsLonger = (secret: string, next: string): GatehouseError =>
  refused('GH-VAULT-030', `The secret ${secret} lasts longer than the lifetime of its copy.`, { next });

const refused = (code: string, text: string, { next }: { next: string }): GatehouseError =>
  new GatehouseError(code, text, { status: 403, next });
