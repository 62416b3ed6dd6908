import { compiled } from './compiled.ts';
import { envelopeJsonSchema, EnvelopeSchema } from './schema.ts';

const check = compiled(EnvelopeSchema, envelopeJsonSchema());

/**
 * Checks an envelope by its published schema.
 * @returns null, or the path of the first field that an envelope cannot hold, such as `data.content.text`
 */
export function envelopeFlaw(candidate: unknown): string | null {
  const checked = check(candidate);
  return checked.success ? null : checked.error.issues[0]?.path.join('.') || 'envelope';
}
