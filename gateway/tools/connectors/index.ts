import type { Catalogue } from '../../catalogue/index.ts';
import type { Delivery } from '../../delivery/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import type { Connectors } from '../types.ts';
import { createCodeConnector } from './code.ts';
import { createGatehouseConnector, type ApprovalLists } from './gatehouse.ts';
import { createHttpConnector } from './http.ts';
import { createPostgresConnector } from './postgres.ts';

/** One connector for each kind that the catalogue knows. */
export function createConnectors(deps: {
  delivery: Pick<Delivery, 'reply'>;
  approvals: ApprovalLists;
  catalogue: Catalogue;
  sandbox: Sandbox;
}): Connectors {
  return {
    postgres: createPostgresConnector(),
    gatehouse: createGatehouseConnector(deps),
    http: createHttpConnector(),
    code: createCodeConnector(deps.sandbox),
  };
}
