// What the X.509 library's parts are found by.
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
/** Longer than any run, and as much before, for clocks that differ. */
const validMs = 3_600_000;

/** A certificate authority that lives as long as one run, and that only this run trusts. */
export interface Authority {
  /** Its certificate. */
  pem: string;
  /** What the proxy shows in the place of a host. */
  contextFor(host: string): Promise<SecureContext>;
}

/** @returns an authority whose key exists in this process only, and is gone with it */
export async function createAuthority(): Promise<Authority> {
  const keys = await makeKeys();
  const name = 'CN=Gatehouse egress of one run';
  const validity = (): { notBefore: Date; notAfter: Date } => ({
    notBefore: new Date(Date.now() - validMs),
    notAfter: new Date(Date.now() + validMs),
  });
  const root = await X509CertificateGenerator.createSelfSigned({
    ...validity(),
    serialNumber: serial(),
    name,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
    ],
  });
  const leafKeys = await makeKeys();
  const key = PemConverter.encode(
    await webcrypto.subtle.exportKey('pkcs8', leafKeys.privateKey),
    'PRIVATE KEY',
  );
  const contexts = new Map<string, Promise<SecureContext>>();
  const issue = async (host: string): Promise<SecureContext> => {
    const leaf = await X509CertificateGenerator.create({
      ...validity(),
      serialNumber: serial(),
      issuer: name,
      subject: 'CN=Gatehouse egress',
      publicKey: leafKeys.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension([{ type: 'dns', value: host }]),
      ],
    });
    return createSecureContext({ key, cert: leaf.toString('pem') });
  };
  return {
    pem: root.toString('pem'),
    contextFor(host) {
      const known = contexts.get(host) ?? issue(host);
      contexts.set(host, known);
      return known;
    },
  };
}

const makeKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

/** Positive and twenty digits of hex (RFC 5280, 4.1.2.2). */
const serial = (): string => `01${randomBytes(9).toString('hex')}`;
