/** A body that no message can be made of. `untold`: it does not even say who sent it. */
export interface Hostile {
  body: Buffer;
  field: RegExp;
  untold?: boolean;
}

/** Bodies that are JSON, or nearly, and that no message can be made of. `make` puts a text into an authentic message. */
export function hostileBodies(make: (text: string) => Record<string, unknown>): Record<string, Hostile> {
  const text = JSON.stringify(make('canary'));
  const withText = (inner: string): Buffer => Buffer.from(text.replace('"canary"', () => `"${inner}"`));
  return {
    'a NUL character': { body: withText('canary \\u0000'), field: /text$/ },
    'half a surrogate pair': { body: withText('canary \\ud83d'), field: /text$/ },
    'the same key twice': {
      body: Buffer.from(text.replace('"canary"', '"a","text":"canary"')),
      field: /text$/,
    },
    'the same key twice, spelt differently': {
      body: Buffer.from(text.replace('"canary"', '"a","te\\u0078t":"canary"')),
      field: /text$/,
    },
    'deep nesting': {
      body: Buffer.from(
        text.replace('"canary"', () => `"canary","deep":${'['.repeat(50_000)}${']'.repeat(50_000)}`),
      ),
      field: /deep$/,
    },
    'deep nesting that never ends': {
      body: Buffer.from(text.replace('"canary"', () => `"canary","deep":${'{"a":'.repeat(50_000)}`)),
      field: /deep/,
      untold: true,
    },
    'a text that is a number': { body: Buffer.from(text.replace('"canary"', '7')), field: /text$/ },
    'a text that is too long': { body: withText('canary '.repeat(8000)), field: /text$/ },
    'no JSON at all': { body: Buffer.from('canary {'), field: /^body$/, untold: true },
    'bytes that are no UTF-8': {
      body: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]),
      field: /^body$/,
      untold: true,
    },
    'an empty body': { body: Buffer.alloc(0), field: /^body$/, untold: true },
    'a bare value': { body: Buffer.from('null'), field: /./, untold: true },
    'a list': { body: Buffer.from('[]'), field: /./, untold: true },
  };
}
