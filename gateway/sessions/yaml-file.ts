import type { z } from 'zod';
import { GatehouseError, readYamlFile as readFile } from '../config/index.ts';
import { digestOfText } from '../envelope/index.ts';

/** What a file says, and the digest of it: a comment changes neither. */
export interface Versioned<Data> {
  data: Data;
  version: string;
}

/**
 * Reads one YAML file, and asks before it is used whether it may be.
 * @param admit hears the digest; what it throws refuses the file
 * @throws GatehouseError `GH-SESSIONS-001`
 */
export async function readVersioned<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
  admit: (digest: string) => Promise<void> = () => Promise.resolve(),
): Promise<Versioned<z.output<Schema>>> {
  const data = await readYamlFile(file, schema);
  const version = digestOfText(JSON.stringify(data));
  await admit(version);
  return { data, version };
}

/**
 * Reads one YAML file against a schema.
 * @throws GatehouseError `GH-SESSIONS-001` that names file, line and reason of the first fault
 */
export async function readYamlFile<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  const read = await readFile(file, schema);
  if (read?.faults === null) return read.value;
  throw new GatehouseError('GH-SESSIONS-001', read?.faults[0] ?? `${file}: the file cannot be read`, {
    status: 500,
    next: 'Correct the file; the last good one stays in use while the gateway runs.',
    cause: read?.cause,
  });
}
