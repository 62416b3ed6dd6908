import { Router } from 'express';
import { fewestTimes } from '../approvals/index.ts';
import { GatehouseError } from '../config/index.ts';
import type { WebDeps } from './deps.ts';
import { page } from './render.ts';
import { signedIn } from './session.ts';

const spans = [7, 30, 90];

/** `GET /approvals/report`: who decides what, how fast, and what is always approved. For those who see every receipt. */
export function reportRoutes(deps: WebDeps): Router {
  const router = Router();
  router.get(
    '/approvals/report',
    signedIn(deps, async (viewer, request, response) => {
      if (!viewer.seesAllReceipts && !viewer.steers) {
        throw new GatehouseError(
          'GH-WEB-015',
          'The report shows what everybody decided; it is not yours to see.',
          {
            status: 403,
            next: 'Approvers, auditors, owners and administrators see it. Your own requests are on the approvals page.',
          },
        );
      }
      const days = spans.find((span) => String(span) === request.query.days) ?? 30;
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
  return router;
}
