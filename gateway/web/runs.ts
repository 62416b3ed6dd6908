import { Router, type Request, type RequestHandler, type Response } from 'express';
import type { WatchedRun, Watcher } from '../agent/index.ts';
import { GatehouseError, toProblem } from '../config/index.ts';
import type { WebDeps } from './deps.ts';
import { Live } from './live.ts';
import { fragment, page } from './render.ts';
import { itemsOf, partsOf, type Item, type Part } from './run-parts.ts';
import { originCheck } from './security.ts';
import { field, parseForm, signedIn, signedInForm, stillSignedIn, type Viewer } from './session.ts';

const maxText = 20_000;
const timing = { restMs: 1000, busyMs: 2000 };

/** `GET /runs`, `GET /runs/ID`: what the agent does, live; and the forms by which its own person steers a run. */
export function runRoutes(deps: WebDeps): { router: Router; stop(): void } {
  const list = new Live<Item>({
    ...{ ...timing, list: 'runs', grows: 'afterbegin' },
    render: (item, swap) => fragment('run-item', { item, swap }),
    isBusy: (items) => items.some(({ finishedAt }) => finishedAt === null),
  });
  const one = new Live<Part>({
    ...{ ...timing, list: 'timeline', grows: 'beforeend' },
    render: (part, swap) => fragment('run-part', { part, swap }),
    isBusy: (parts) => parts.some((part) => 'head' in part && part.head.finishedAt === null),
  });
  const wake = (): void => {
    list.wake('');
    one.wake('');
  };
  const stops = [deps.signals.on('agent_runs', wake), deps.approvals.onChange(wake)];
  const router = Router();

  const readItems = async (viewer: Viewer, { query }: Request) => {
    const wish = { open: query.show === 'open', after: idOf(query.after) };
    const { runs, next } = await deps.runs.list(watcherOf(viewer), wish);
    return { ...wish, next, items: await itemsOf(deps, viewer, runs) };
  };
  router.get(
    '/runs',
    signedIn(deps, async (viewer, request, response) => {
      const shown = await readItems(viewer, request);
      page(response, 'runs', {
        ...{ title: 'Runs', current: 'runs', ...shown },
        pageId: list.remember(viewer.principal, shown.items),
        all: viewer.seesAllReceipts,
      });
    }),
  );
  router.get(
    '/runs/events',
    signedIn(deps, async (viewer, request, response) => {
      const load = async (): Promise<Item[]> => (await readItems(viewer, request)).items;
      await list.serve(viewer.principal, pageOf(request), response, () => stillSignedIn(deps, viewer), load);
    }),
  );

  const show = async (
    viewer: Viewer,
    run: WatchedRun,
    response: Response,
    more: { problem?: unknown; draft?: string } = {},
  ): Promise<void> => {
    const parts = await partsOf(deps, viewer, run);
    page(response, 'run', {
      ...{
        title: `Run: ${run.task}`,
        current: 'runs',
        run,
        parts,
        maxText,
        problem: null,
        draft: '',
        ...more,
      },
      pageId: one.remember(viewer.principal, parts),
    });
  };
  router.get(
    '/runs/:id',
    signedIn(deps, async (viewer, request, response) =>
      show(viewer, await found(deps, watcherOf(viewer), request), response),
    ),
  );
  router.get(
    '/runs/:id/events',
    signedIn(deps, async (viewer, request, response) => {
      const load = async (): Promise<Part[]> =>
        partsOf(deps, viewer, await found(deps, watcherOf(viewer), request));
      // Whether there is such a run is said before the stream begins.
      await load();
      await one.serve(viewer.principal, pageOf(request), response, () => stillSignedIn(deps, viewer), load);
    }),
  );

  type Act = (by: { signedIn: string }, id: string, text: string) => Promise<unknown>;
  const steered = (act: Act): RequestHandler[] => [
    originCheck(deps.publicUrl),
    parseForm,
    signedInForm(deps, async (viewer, request, response) => {
      // Who may only watch steers nothing, and is told what a stranger is told.
      const { id } = await found(deps, { principal: viewer.principal, all: false }, request);
      const text = field(request, 'text').replaceAll('\r\n', '\n');
      try {
        if (text.length > maxText) throw tooLong(text);
        await act({ signedIn: viewer.principal }, id, text);
      } catch (error) {
        const problem = toProblem(error);
        if (problem.status >= 500) throw error;
        response.status(problem.status);
        const run = await found(deps, watcherOf(viewer), request);
        return show(viewer, run, response, { problem, draft: text });
      }
      response.redirect(303, `/runs/${id}`);
    }),
  ];
  router.post(
    '/runs/:id/pause',
    steered((by, id) => deps.runs.pause(by, id)),
  );
  router.post(
    '/runs/:id/resume',
    steered((by, id) => deps.runs.resume(by, id)),
  );
  router.post(
    '/runs/:id/stop',
    steered((by, id) => deps.runs.stop(by, id)),
  );
  router.post(
    '/runs/:id/messages',
    steered((by, id, text) => deps.runs.say(by, id, text)),
  );

  return {
    router,
    stop() {
      for (const stop of stops) stop();
      list.stop();
      one.stop();
    },
  };
}

const watcherOf = ({ principal, seesAllReceipts }: Viewer): Watcher => ({ principal, all: seesAllReceipts });
const pageOf = ({ query }: Request): string => (typeof query.page === 'string' ? query.page : '');
const idOf = (value: unknown): string | null =>
  typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value) ? value : null;

const tooLong = ({ length }: string): GatehouseError =>
  new GatehouseError('GH-WEB-071', `The message has ${length} characters; ${maxText} is the most.`, {
    status: 400,
    field: 'text',
    next: 'Shorten it, or send it in parts.',
  });

/** @throws GatehouseError 404 `GH-WEB-070`, the same for a run of others and for none */
async function found(deps: WebDeps, watcher: Watcher, { params }: Request): Promise<WatchedRun> {
  const id = idOf(params.id);
  const run = id === null ? null : await deps.runs.run(watcher, id);
  if (run) return run;
  throw new GatehouseError('GH-WEB-070', 'There is no such run, or it is not yours to see.', {
    status: 404,
    next: 'The page of runs lists those that you may see.',
  });
}
