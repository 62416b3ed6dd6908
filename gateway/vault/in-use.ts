import type { Queryable } from '../db/index.ts';

/** What of a tool says which secrets it needs. */
interface Using {
  name: string;
  secret?: string | undefined;
  egress?: { secrets: readonly { name: string }[] } | undefined;
}

/** The secrets that tools and models name, each with those that do. */
export function secretsInUse(tools: readonly Using[]): Map<string, string[]> {
  const used = new Map<string, string[]>();
  for (const { name, secret, egress } of tools) {
    const names = new Set([secret, ...(egress?.secrets ?? []).map((entry) => entry.name)]);
    for (const one of names) if (one !== undefined) used.set(one, [...(used.get(one) ?? []), name]);
  }
  return used;
}

/** When each secret was last lent. */
export async function lastUses(db: Queryable): Promise<Map<string, Date>> {
  const { rows } = await db.query<{ secret: string; at: Date }>(
    'select secret, max(issued_at) as at from leases group by secret',
  );
  return new Map(rows.map(({ secret, at }) => [secret, at]));
}
