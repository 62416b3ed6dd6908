import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Router, type Response } from 'express';
import { Eta } from 'eta';
import { placeOf } from '../approvals/index.ts';
import * as format from './format.ts';
import type { Viewer } from './session.ts';

const eta = new Eta({ views: join(import.meta.dirname, 'views'), cache: true, autoEscape: true });
const resolve = createRequire(import.meta.url).resolve;

/** Our assets and where they live; addressed with a hash of their content, so that they may be cached for good. */
const files: Record<string, string> = {
  'gatehouse.css': join(import.meta.dirname, 'assets/gatehouse.css'),
  'gatehouse.js': join(import.meta.dirname, 'assets/gatehouse.js'),
  'inbox.js': join(import.meta.dirname, 'assets/inbox.js'),
  'factors.js': join(import.meta.dirname, 'assets/factors.js'),
  'icons.svg': join(import.meta.dirname, 'assets/icons.svg'),
  'htmx.js': resolve('htmx.org/dist/htmx.min.js'),
  'sse.js': resolve('htmx-ext-sse/dist/sse.min.js'),
  // The package names only its modules; the file that browsers take lies beside them.
  'webauthn.js': join(dirname(resolve('@simplewebauthn/browser')), '../dist/bundle/index.umd.min.js'),
};
const versions = Object.fromEntries(
  Object.entries(files).map(([name, path]) => [
    name,
    createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12),
  ]),
);

/** `GET /assets/<name>`. */
export function assetRoutes(): Router {
  const router = Router();
  for (const [name, path] of Object.entries(files)) {
    router.get(`/assets/${name}`, (_request, response) => {
      response.set({ 'X-Content-Type-Options': 'nosniff', 'Cross-Origin-Resource-Policy': 'same-origin' });
      // A clone may live under a folder whose name begins with a dot; the list above says what may be read.
      response.sendFile(path, { immutable: true, maxAge: '365d', dotfiles: 'allow' });
    });
  }
  return router;
}

const helpers = {
  ...format,
  placeOf,
  asset: (name: string) => `/assets/${name}?v=${versions[name] ?? ''}`,
};

/** Renders a partial without the page around it. */
export function fragment(view: string, data: Record<string, unknown>): string {
  return eta.render(`./${view}`, { ...data, h: helpers });
}

/** Sends a whole page. `title` goes into the tab; `current` marks the navigation. */
export function page(
  response: Response,
  view: string,
  data: Record<string, unknown> & { title: string; current?: string },
): void {
  const locals = response.locals as { nonce: string; viewer?: Viewer };
  response.type('html').send(
    eta.render(`./${view}`, {
      current: '',
      ...data,
      viewer: locals.viewer ?? null,
      nonce: locals.nonce,
      h: helpers,
    }),
  );
}
