import type { Catalogue } from '../../catalogue/index.ts';
import type { Attachments, Delivery } from '../../delivery/index.ts';
import { createEgress, type EgressClient } from '../../egress/index.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import type { KeptResults } from '../large-results.ts';
import type { Connectors, DryRuns } from '../types.ts';
import { createChatConnector } from './chat.ts';
import { createCodeConnector } from './code.ts';
import { createFilesConnector, createFilesDryRun, type FileFolders } from './files/index.ts';
import { createGatehouseConnector, type ApprovalLists } from './gatehouse.ts';
import { createHttpConnector } from './http.ts';
import { createMailConnector, createMailDryRun } from './mail/index.ts';
import { createPostgresConnector, createPostgresDryRun, createQueryConnector } from './postgres/index.ts';
import { createRestConnector } from './rest/index.ts';

export type { FileFolders } from './files/index.ts';

const noFolder: FileFolders = { filesDir: undefined, reserved: [] };

/**
 * One connector for each kind that the catalogue knows.
 * @param deps.renewSecret stores the next value of a secret that its vendor replaced while it was used
 * @param deps.results what earlier calls returned
 * @param deps.attachments the files that came with messages
 * @param deps.egress the way out; one of its own when left out
 * @param deps.files where the files tools may work; without it they have no folder
 */
export function createConnectors(deps: {
  delivery: Pick<Delivery, 'answer' | 'post' | 'conversation'>;
  approvals: ApprovalLists;
  catalogue: Catalogue;
  sandbox: Sandbox;
  results: KeptResults;
  attachments: Pick<Attachments, 'read'>;
  renewSecret(name: string, value: string): Promise<unknown>;
  egress?: EgressClient;
  files?: FileFolders;
}): Connectors {
  const { egress: client = createEgress(), files = noFolder } = deps;
  return {
    postgres: createPostgresConnector(),
    'postgres-query': createQueryConnector(),
    gatehouse: createGatehouseConnector(deps),
    http: createHttpConnector(client),
    rest: createRestConnector({
      client,
      renew: async (name, value) => void (await deps.renewSecret(name, value)),
    }),
    code: createCodeConnector(deps),
    files: createFilesConnector(files),
    smtp: createMailConnector(files),
    chat: createChatConnector(deps.delivery),
  };
}

/** The dry runs of the kinds that have one. */
export function createDryRuns(files: FileFolders = noFolder): DryRuns {
  return {
    postgres: createPostgresDryRun(),
    files: createFilesDryRun(files),
    smtp: createMailDryRun(files),
  };
}
