import { Router, type Response } from 'express';
import { GatehouseError, toProblem } from '../config/index.ts';
import type { Explanation, KillSwitch, KillTarget } from '../policy/index.ts';
import type { WebDeps } from './deps.ts';
import { page } from './render.ts';
import { originCheck } from './security.ts';
import { field, parseForm, signedIn, signedInForm, type Viewer } from './session.ts';

interface Extra {
  decision?: string;
  explanation?: Explanation | null;
  problem?: unknown;
  /** Where the problem belongs. */
  at?: 'switches' | 'why';
}

/** `GET /policy`: what is in force, who may what, and why. Its one form turns kill switches, for owners and administrators. */
export function policyRoutes(deps: WebDeps): Router {
  const router = Router();

  router.get(
    '/policy',
    signedIn(deps, async (viewer, request, response) => {
      const id = typeof request.query.decision === 'string' ? request.query.decision.trim() : '';
      if (id === '') return policyPage(deps, viewer, response, {});
      try {
        const explanation = await explained(deps, viewer, id);
        await policyPage(deps, viewer, response, { decision: id, explanation });
      } catch (error) {
        const problem = toProblem(error);
        if (problem.status >= 500) throw error;
        response.status(problem.status);
        await policyPage(deps, viewer, response, { decision: id, problem, at: 'why' });
      }
    }),
  );

  router.post(
    '/policy/kill-switch',
    originCheck(deps.publicUrl),
    parseForm,
    signedInForm(deps, async (viewer, request, response) => {
      if (!viewer.steers) {
        throw new GatehouseError('GH-WEB-013', 'Only owners and administrators turn kill switches.', {
          status: 403,
          next: 'Ask one of them, or use gatehouse kill-switch on the machine.',
        });
      }
      try {
        const reason = field(request, 'reason').trim();
        if (reason === '' || reason.length > 500)
          throw unusable('reason', 'A switch is turned for a reason of at most 500 characters.');
        const target = targetOf(deps, field(request, 'scope'), field(request, 'name').trim());
        const engaged = field(request, 'turn') === 'on';
        if (!engaged && field(request, 'turn') !== 'off')
          throw unusable('turn', 'The form said neither on nor off.');
        await deps.policy.setKillSwitch({ engaged, target, reason, by: viewer.principal });
      } catch (error) {
        const problem = toProblem(error);
        if (problem.status >= 500) throw error;
        response.status(problem.status);
        return policyPage(deps, viewer, response, { problem, at: 'switches' });
      }
      response.redirect(303, '/policy');
    }),
  );
  return router;
}

async function policyPage(deps: WebDeps, viewer: Viewer, response: Response, extra: Extra): Promise<void> {
  const all = viewer.seesAllReceipts || viewer.steers;
  const [overview, switches, shadow] = await Promise.all([
    deps.policy.overview(),
    deps.policy.killSwitches(),
    all ? deps.policy.shadow() : null,
  ]);
  page(response, 'policy', {
    title: 'Policy',
    current: 'policy',
    overview,
    // Who or which conversation is stopped is not for everybody.
    switches: all ? switches : switches.filter(isCommon),
    shadow,
    steers: viewer.steers,
    decision: '',
    explanation: null,
    problem: null,
    at: '',
    ...extra,
  });
}

const isCommon = ({ target }: KillSwitch): boolean => !/^(?:person|session):/.test(target);

/** A decision of the viewer's own, or any for those who see every receipt. */
async function explained(deps: WebDeps, viewer: Viewer, id: string): Promise<Explanation> {
  const explanation = await deps.policy.explain(id);
  if (viewer.seesAllReceipts || viewer.steers || explanation.principal === viewer.principal)
    return explanation;
  throw new GatehouseError('GH-POLICY-043', 'There is no such decision.', {
    status: 404,
    next: 'Receipts and approvals name decisions by their id, which begins with dec_.',
  });
}

function targetOf(deps: WebDeps, scope: string, name: string): KillTarget {
  if (scope === 'all') return 'all';
  if (scope !== 'tool' && scope !== 'channel' && scope !== 'person' && scope !== 'session')
    throw unusable('scope', 'The form names nothing that can be stopped.');
  if (name === '') throw unusable('name', `Name the ${scope} that is stopped.`);
  if (scope === 'person' && !deps.people.get(name) && !name.startsWith('automation:'))
    throw unusable('name', `There is no ${name} in policies/people.yaml.`);
  return `${scope}:${name}`;
}

const unusable = (at: string, text: string): GatehouseError =>
  new GatehouseError('GH-WEB-014', `${text} Nothing was changed.`, { status: 400, field: at });
