import { Router } from 'express';
import { GatehouseError } from '../config/index.ts';
import type { State } from '../doctor/index.ts';
import type { WebDeps } from './deps.ts';
import { page } from './render.ts';
import { signedIn } from './session.ts';

/** What is in order is folded away. */
const states: Record<Exclude<State, 'ok'>, { word: string; icon: string; tone: string }> = {
  fail: { word: 'Fails', icon: 'cross', tone: 'bad' },
  warn: { word: 'Look at it', icon: 'alarm', tone: 'wait' },
  note: { word: 'Note', icon: 'inbox', tone: 'neutral' },
};

/** `GET /doctor`: what is right and wrong with this installation, for owners and administrators. */
export function doctorRoutes(deps: WebDeps): Router {
  const router = Router();
  router.get(
    '/doctor',
    signedIn(deps, async (viewer, _request, response) => {
      if (!viewer.steers) {
        throw new GatehouseError('GH-WEB-016', 'Only owners and administrators see how it is set up.', {
          status: 403,
          next: 'Ask one of them, or use gatehouse doctor on the machine.',
        });
      }
      const { topics } = await deps.doctor();
      const findings = topics.flatMap((topic) => topic.findings);
      page(response, 'doctor', {
        title: 'Doctor',
        current: 'doctor',
        topics,
        states,
        count: (state: State) => findings.filter((finding) => finding.state === state).length,
      });
    }),
  );
  return router;
}
