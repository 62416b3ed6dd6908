import { Router, type Request } from 'express';
import { fewestTimes } from '../approvals/index.ts';
import { GatehouseError } from '../config/index.ts';
import type { WebDeps } from './deps.ts';
import { page } from './render.ts';
import { reportCsv } from './report-csv.ts';
import { signedIn, type Viewer } from './session.ts';

const spans = [7, 30, 90];

/**
 * `GET /approvals/report`: who decides what, how fast, and what is always approved; `/approvals/report.csv`: each request of
 * it. For those who see every receipt.
 */
export function reportRoutes(deps: WebDeps): Router {
  const router = Router();
  router.get(
    '/approvals/report',
    signedIn(deps, async (viewer, request, response) => {
      mayRead(viewer);
      const days = daysOf(request);
      page(response, 'report', {
        title: 'Report of approvals',
        current: 'approvals',
        report: await deps.approvals.report(days),
        days,
        spans,
        fewestTimes,
      });
    }),
  );
  router.get(
    '/approvals/report.csv',
    signedIn(deps, async (viewer, request, response) => {
      mayRead(viewer);
      const days = daysOf(request);
      response
        .attachment(`approvals-${days}-days.csv`)
        .send(reportCsv(await deps.approvals.reportRows(days)));
    }),
  );
  return router;
}

const daysOf = ({ query }: Request): number => spans.find((span) => String(span) === query.days) ?? 30;

/** @throws GatehouseError 403 `GH-WEB-015` */
function mayRead(viewer: Viewer): void {
  if (viewer.seesAllReceipts || viewer.steers) return;
  throw new GatehouseError('GH-WEB-015', 'The report shows what everybody decided; it is not yours to see.', {
    status: 403,
    next: 'Approvers, auditors, owners and administrators see it. Your own requests are on the approvals page.',
  });
}
