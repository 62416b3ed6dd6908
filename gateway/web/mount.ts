import { Router, type Express } from 'express';
import { approvalRoutes } from './approvals.ts';
import { chatRoutes } from './chat.ts';
import { costRoutes } from './costs.ts';
import type { WebDeps } from './deps.ts';
import { docsRoutes } from './docs.ts';
import { doctorRoutes } from './doctor.ts';
import { factorRoutes } from './factors.ts';
import { identityRoutes } from './identities.ts';
import { inboxRoutes } from './inbox.ts';
import { loginRoutes } from './login.ts';
import { policyRoutes } from './policy.ts';
import { receiptRoutes } from './receipts.ts';
import { assetRoutes } from './render.ts';
import { reportRoutes } from './report.ts';
import { runRoutes } from './runs.ts';
import { terminalRoutes } from './terminals.ts';
import { pageHeaders } from './security.ts';

/** Addresses of the pages; other routes of the same listener keep their own headers. */
const paths =
  /^\/(?:(?:login|logout|events|messages|approvals(?:\/.*)?|identities\/.*|account\/security(?:\/.*)?|terminal(?:\/answer|\/end)?|receipts|policy(?:\/.*)?|runs(?:\/.*)?|costs|doctor|docs|openapi\.json)\/?)?$/;

/**
 * Puts the pages on the public listener: chat, sign-in, approvals, runs, receipts, policy, doctor, API docs.
 * Mount `webNotFound` and `webErrorPages` after all other routes, before the problem+json handler.
 * @returns how to end the live streams, so that the listener can close
 */
export function mountWeb(app: Express, deps: WebDeps): { stop(): void } {
  const headers = pageHeaders(deps.publicUrl.startsWith('https:'));
  const chat = chatRoutes(deps);
  const inbox = inboxRoutes(deps);
  const runs = runRoutes(deps);
  const web = Router();
  web.use(assetRoutes());
  web.all(paths, headers);
  web.use(
    loginRoutes(deps),
    chat.router,
    // Before the page of one request, whose address is any word.
    inbox.router,
    reportRoutes(deps),
    approvalRoutes(deps),
    identityRoutes(deps),
    factorRoutes(deps),
    terminalRoutes(deps),
    runs.router,
    costRoutes(deps),
    receiptRoutes(deps),
    policyRoutes(deps),
    doctorRoutes(deps),
    docsRoutes(deps),
  );
  app.use(web);
  return {
    stop() {
      chat.stop();
      inbox.stop();
      runs.stop();
    },
  };
}
