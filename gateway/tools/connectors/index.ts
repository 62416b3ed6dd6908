import type { Catalogue } from '../../catalogue/index.ts';
import type { Delivery } from '../../delivery/index.ts';
import { createEgress, type EgressClient } from '../../egress/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import type { Connectors } from '../types.ts';
import { createCodeConnector } from './code.ts';
import { createGatehouseConnector, type ApprovalLists } from './gatehouse.ts';
import { createHttpConnector } from './http.ts';
import { createPostgresConnector } from './postgres.ts';
import { createRestConnector } from './rest/index.ts';

/**
 * One connector for each kind that the catalogue knows.
 * @param deps.renewSecret stores the next value of a secret that its vendor replaced while it was used
 * @param deps.egress the way out; one of its own when left out
 */
export function createConnectors(deps: {
  delivery: Pick<Delivery, 'reply'>;
  approvals: ApprovalLists;
  catalogue: Catalogue;
  sandbox: Sandbox;
  renewSecret(name: string, value: string): Promise<unknown>;
  egress?: EgressClient;
}): Connectors {
  const client = deps.egress ?? createEgress();
  return {
    postgres: createPostgresConnector(),
    gatehouse: createGatehouseConnector(deps),
    http: createHttpConnector(client),
    rest: createRestConnector({
      client,
      renew: async (name, value) => void (await deps.renewSecret(name, value)),
    }),
    code: createCodeConnector(deps.sandbox),
  };
}
