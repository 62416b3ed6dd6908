import { Router, type Request, type Response } from 'express';
import qrcode from 'qrcode-generator';
import { GatehouseError, toProblem } from '../config/index.ts';
import { changing, type Factor, type Proof } from '../factors/index.ts';
import type { WebDeps } from './deps.ts';
import { page } from './render.ts';
import { originCheck } from './security.ts';
import { field, parseForm, signedIn, signedInForm, type Viewer } from './session.ts';

const home = '/account/security';

/** What a person can prove something with on a page. */
export interface Able {
  passkey: boolean;
  code: boolean;
  /** When the first of those that wait decides, where none does yet. */
  from: Date | null;
}

/** The page of a person's second factors. GET shows; only POSTs with the session's token change anything. */
export function factorRoutes(deps: WebDeps): Router {
  const router = Router();
  const form = [originCheck(deps.publicUrl), parseForm] as const;

  router.get(
    home,
    signedIn(deps, (viewer, _request, response) => securityPage(deps, response, viewer, {})),
  );

  router.post(
    `${home}/challenge`,
    ...form,
    signedInForm(deps, async (viewer, _request, response) => {
      response.json(await deps.factors.challenge(viewer.principal, changing));
    }),
  );

  router.post(
    `${home}/passkeys/options`,
    ...form,
    signedInForm(deps, async (viewer, _request, response) => {
      response.json(await deps.factors.startPasskey(viewer, await deps.signIn.standing(viewer.session)));
    }),
  );

  /** A form of the page: done, it shows the page again; refused, the page with the reason. */
  const change = (
    path: string,
    work: (viewer: Viewer, request: Request) => Promise<unknown>,
    setup: (request: Request) => object = () => ({}),
  ): void => {
    router.post(
      path,
      ...form,
      signedInForm(deps, async (viewer, request, response) => {
        try {
          await work(viewer, request);
        } catch (error) {
          const problem = toProblem(error);
          if (problem.status >= 500) throw error;
          response.status(problem.status);
          return securityPage(deps, response, viewer, { problem, ...setup(request) });
        }
        response.redirect(303, home);
      }),
    );
  };

  change(`${home}/prove`, async (viewer, request) => {
    const proof = proofIn(request);
    if (!proof) throw noProof();
    await deps.factors.prove(viewer.principal, changing, proof);
    await deps.signIn.proved(viewer.session);
  });
  change(`${home}/passkeys`, async (viewer, request) =>
    deps.factors.addPasskey(viewer.principal, await deps.signIn.standing(viewer.session), {
      label: field(request, 'label'),
      attestation: parsed(field(request, 'attestation')),
    }),
  );
  change(
    `${home}/codes/:id`,
    async (viewer, request) =>
      deps.factors.addCode(viewer.principal, await deps.signIn.standing(viewer.session), {
        id: String(request.params.id),
        label: field(request, 'label'),
        code: field(request, 'code'),
      }),
    (request) => ({ setup: { id: String(request.params.id), label: field(request, 'label') } }),
  );
  change(`${home}/factors/:id/remove`, async (viewer, request) =>
    deps.factors.remove(
      viewer.principal,
      await deps.signIn.standing(viewer.session),
      String(request.params.id),
    ),
  );

  router.post(
    `${home}/codes`,
    ...form,
    signedInForm(deps, async (viewer, _request, response) => {
      try {
        const made = await deps.factors.startCode(
          viewer.principal,
          await deps.signIn.standing(viewer.session),
        );
        await securityPage(deps, response, viewer, {
          setup: { ...made, label: '', secret: made.secret.match(/.{1,4}/g)?.join(' '), qr: qrOf(made.uri) },
        });
      } catch (error) {
        const problem = toProblem(error);
        if (problem.status >= 500) throw error;
        response.status(problem.status);
        await securityPage(deps, response, viewer, { problem });
      }
    }),
  );
  return router;
}

/** The proof that a form carries: a typed code, else what the browser's passkey answered. */
export function proofIn(request: Request): Proof | null {
  const code = field(request, 'code').trim();
  if (code !== '') return { code };
  const assertion = field(request, 'assertion');
  return assertion === '' ? null : { assertion: parsed(assertion) };
}

/** With which kinds of factor this person can prove a vote now. */
export async function ableToVote(deps: WebDeps, principal: string): Promise<Able> {
  const factors = await deps.factors.list(principal);
  return ableBy(
    factors.filter((factor) => factor.mayVote),
    factors,
  );
}

function ableBy(usable: readonly Factor[], all: readonly Factor[]): Able {
  const first = all.map((factor) => factor.votesFrom).sort((a, b) => a.getTime() - b.getTime())[0];
  return {
    passkey: usable.some((factor) => factor.kind === 'passkey'),
    code: usable.some((factor) => factor.kind === 'code'),
    from: usable.length > 0 ? null : (first ?? null),
  };
}

async function securityPage(
  deps: WebDeps,
  response: Response,
  viewer: Viewer,
  extra: { problem?: unknown; setup?: object },
): Promise<void> {
  const factors = await deps.factors.list(viewer.principal);
  const ripe = factors.filter((factor) => factor.mayVote);
  page(response, 'security', {
    title: 'Security',
    current: '',
    factors,
    able: ableBy(ripe.length > 0 ? ripe : factors, factors),
    session: await deps.signIn.standing(viewer.session),
    passkeys: deps.factors.passkeys,
    problem: null,
    setup: null,
    ...extra,
  });
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

/** The dark modules of a QR code as one path, in units of one module. */
function qrOf(text: string): { size: number; path: string } {
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const size = code.getModuleCount();
  const rows = Array.from({ length: size }, (_, row) =>
    Array.from({ length: size }, (_, column) =>
      code.isDark(row, column) ? `M${column} ${row}h1v1h-1z` : '',
    ),
  );
  return { size, path: rows.flat().join('') };
}

function noProof(): GatehouseError {
  return new GatehouseError('GH-WEB-061', 'The form held neither a code nor a passkey’s answer.', {
    status: 400,
    field: 'code',
    next: 'Type the code of your app, or let the browser ask for your passkey.',
  });
}
