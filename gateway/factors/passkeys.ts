import { isIP } from 'node:net';
import {
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
  type AuthenticationResponseJSON,
  type RegistrationResponseJSON,
  type WebAuthnCredential,
} from '@simplewebauthn/server';
import { z } from 'zod';
import { refusals } from './refusals.ts';

/** Who browsers make passkeys for: the host of the public address, and its very origin. */
export interface RelyingParty {
  id: string;
  origin: string;
}

/** @returns null for an address at which browsers make no passkeys */
export function relyingParty(publicUrl: string): RelyingParty | null {
  const { protocol, hostname, origin } = new URL(publicUrl);
  const local = hostname === 'localhost' || hostname.endsWith('.localhost');
  const named = isIP(hostname.replace(/^\[|\]$/g, '')) === 0;
  return named && (protocol === 'https:' || local) ? { id: hostname, origin } : null;
}

const base64url = z.string().regex(/^[A-Za-z0-9_-]{1,8192}$/);
const answer = { id: base64url, rawId: base64url, type: z.literal('public-key') };
const Assertion = z.object({
  ...answer,
  response: z.object({ clientDataJSON: base64url, authenticatorData: base64url, signature: base64url }),
});
const Attestation = z.object({
  ...answer,
  response: z.object({
    clientDataJSON: base64url,
    attestationObject: base64url,
    transports: z.array(z.string().max(32)).max(8).optional(),
  }),
});
const ClientData = z.object({ challenge: base64url });

type Answer<T> = { challenge: string; json: T };

/** @throws GatehouseError `GH-FACTOR-002` for anything but a passkey's answer to a challenge */
export function readAssertion(value: unknown): Answer<AuthenticationResponseJSON> {
  return read(Assertion, value);
}

/** @throws GatehouseError `GH-FACTOR-002` for anything but a passkey that was just made */
export function readAttestation(value: unknown): Answer<RegistrationResponseJSON> {
  return read(Attestation, value);
}

function read<T extends { response: { clientDataJSON: string } }>(
  schema: z.ZodType<T>,
  value: unknown,
): Answer<T & { clientExtensionResults: object }> {
  try {
    const json = schema.parse(value);
    const client: unknown = JSON.parse(
      Buffer.from(json.response.clientDataJSON, 'base64url').toString('utf8'),
    );
    return { challenge: ClientData.parse(client).challenge, json: { ...json, clientExtensionResults: {} } };
  } catch (cause) {
    throw refusals.passkey(cause);
  }
}

/**
 * Verifies what a passkey signed: challenge, origin, relying party, that its holder was verified, and a counter that
 * moved on where it counts.
 * @returns the new counter
 * @throws GatehouseError `GH-FACTOR-002`
 */
export async function verifyAssertion(
  party: RelyingParty,
  { challenge, json }: Answer<AuthenticationResponseJSON>,
  credential: WebAuthnCredential,
): Promise<number> {
  const { verified, authenticationInfo } = await verifyAuthenticationResponse({
    response: json,
    expectedChallenge: challenge,
    expectedOrigin: party.origin,
    expectedRPID: party.id,
    credential,
    requireUserVerification: true,
  }).catch((cause: unknown) => {
    throw refusals.passkey(cause);
  });
  if (!verified) throw refusals.passkey();
  return authenticationInfo.newCounter;
}

/** As `verifyAssertion`, for a passkey that was just made. @throws GatehouseError `GH-FACTOR-002` */
export async function verifyAttestation(
  party: RelyingParty,
  { challenge, json }: Answer<RegistrationResponseJSON>,
): Promise<WebAuthnCredential> {
  const { verified, registrationInfo } = await verifyRegistrationResponse({
    response: json,
    expectedChallenge: challenge,
    expectedOrigin: party.origin,
    expectedRPID: party.id,
    requireUserVerification: true,
  }).catch((cause: unknown) => {
    throw refusals.passkey(cause);
  });
  if (!verified) throw refusals.passkey();
  return registrationInfo.credential;
}
