import { createHash, createSign, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';

/** How a forged or faulty authenticator differs from an honest one. */
export interface Fault {
  origin?: string;
  rpId?: string;
  challenge?: string;
  /** Leaves out that it verified its holder. */
  unverified?: boolean;
  /** Its counter, in place of the next. */
  counter?: number;
  /** Whose signature it is. */
  key?: KeyObject;
}

const sha256 = (bytes: string | Buffer): Buffer => createHash('sha256').update(bytes).digest();
const text = (value: string): Buffer =>
  Buffer.concat([Buffer.from([0x60 + value.length]), Buffer.from(value)]);
const bytes = (value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0x59, value.length >> 8, value.length & 0xff]), value]);

/**
 * A WebAuthn authenticator and its browser in software: ES256 and no attestation, as the Web Authentication standard
 * lays them out (§6.1 authenticator data, §6.5.1 attestation objects). It answers whatever it is asked, also to whom
 * it should not.
 */
export class SoftPasskey {
  readonly id = randomBytes(16).toString('base64url');
  readonly #site: { origin: string; rpId: string };
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  #counter = 0;

  constructor(site: { origin: string; rpId: string }) {
    this.#site = site;
  }

  /** Answers the options of a registration. */
  create(options: { challenge: string }, fault: Fault = {}): Record<string, unknown> {
    const { x = '', y = '' } = this.#keys.publicKey.export({ format: 'jwk' });
    const id = Buffer.from(this.id, 'base64url');
    const key = Buffer.concat([
      Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]),
      Buffer.from(x, 'base64url'),
      Buffer.from([0x22, 0x58, 0x20]),
      Buffer.from(y, 'base64url'),
    ]);
    const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, key]);
    const data = Buffer.concat([this.#data(fault, 0x40), attested]);
    const object = Buffer.concat([
      Buffer.from([0xa3]),
      ...[text('fmt'), text('none'), text('attStmt'), Buffer.from([0xa0]), text('authData'), bytes(data)],
    ]);
    return this.#answer({
      clientDataJSON: this.#client('webauthn.create', options, fault).toString('base64url'),
      attestationObject: object.toString('base64url'),
    });
  }

  /** Answers the options of a sign-in. */
  get(options: { challenge: string }, fault: Fault = {}): Record<string, unknown> {
    const data = this.#data(fault, 0);
    const client = this.#client('webauthn.get', options, fault);
    const signature = createSign('sha256')
      .update(Buffer.concat([data, sha256(client)]))
      .sign(fault.key ?? this.#keys.privateKey);
    return this.#answer({
      clientDataJSON: client.toString('base64url'),
      authenticatorData: data.toString('base64url'),
      signature: signature.toString('base64url'),
    });
  }

  #answer(response: Record<string, string>): Record<string, unknown> {
    return { id: this.id, rawId: this.id, type: 'public-key', response, clientExtensionResults: {} };
  }

  #data(fault: Fault, flags: number): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(fault.counter ?? (this.#counter += 1));
    const present = fault.unverified ? 0x01 : 0x05;
    return Buffer.concat([sha256(fault.rpId ?? this.#site.rpId), Buffer.from([present | flags]), counter]);
  }

  #client(type: string, { challenge }: { challenge: string }, fault: Fault): Buffer {
    const origin = fault.origin ?? this.#site.origin;
    return Buffer.from(
      JSON.stringify({ type, challenge: fault.challenge ?? challenge, origin, crossOrigin: false }),
    );
  }
}
