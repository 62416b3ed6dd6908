import { GatehouseError } from '../../../config/index.ts';
import { replaceFile, textOf } from './disk.ts';

/**
 * The last generation of the secret store that was written, kept in a file of its own like the epoch: an older store
 * under it was put back.
 */
export interface Counter {
  /** @returns 0 where there is no counter */
  read(): Promise<number>;
  write(generation: number): Promise<void>;
}

/** @param path the counter's file */
export function openCounter(path: string): Counter {
  return {
    async read() {
      const text = (await textOf(path))?.trim();
      if (text === undefined) return 0;
      if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text);
      throw rolledBack(`${path} does not hold a counter`);
    },
    write: (generation) => replaceFile(path, `${generation}\n`),
  };
}

/** What a store that is older than its counter is answered with. */
export function rolledBack(what: string): GatehouseError {
  return new GatehouseError('GH-VAULT-010', `An older secret store was put back: ${what}.`, {
    status: 500,
    next: 'Put the right file back. Where it is meant, after a restore: gatehouse secret accept-file.',
  });
}
