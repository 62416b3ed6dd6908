import type { Request } from 'express';
import { GatehouseError } from '../config/index.ts';

/** Where a call without a body carries its run token: a header, because addresses are logged. */
export const runHeader = 'gatehouse-run';

/** @returns the run token of a call that may have none; undefined where it has none */
export function givenRunToken(request: Request): string | undefined {
  return request.get(runHeader) === undefined ? undefined : runTokenOf(request);
}

/** @throws GatehouseError `GH-HTTP-422` where there is none, or what is there can be none */
export function runTokenOf(request: Request): string {
  const token = request.get(runHeader);
  if (token !== undefined && token.length >= 8 && token.length <= 128) return token;
  throw new GatehouseError('GH-HTTP-422', `The header ${runHeader} is missing.`, {
    field: runHeader,
    next: 'Send the run token of the envelope that this execution was started with.',
  });
}
