import { validateEnvelope } from './envelope-validator';

/**
 * Checks an envelope against the published JSON Schema.
 * @returns null when it is valid, otherwise the first field at fault and why
 */
export function envelopeErrors(envelope: unknown): string | null {
  if (validateEnvelope(envelope)) return null;
  const [error] = validateEnvelope.errors ?? [];
  return error ? `${error.instancePath || '/'} ${error.message ?? 'is wrong'}` : 'unknown fault';
}
