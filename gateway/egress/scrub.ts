const shown = '[redacted]';

/** Shorter starts of a secret at a cut say too little to matter, and are in any text. */
const leastStart = 3;
const leastPiece = 8;

/**
 * Removes secrets from text that came back from outside, as they are and in the encodings that servers echo.
 * @param secrets nothing is removed for an empty one
 * @returns cleans one text; `cut` says that it was truncated, so that it may end within a secret
 */
export function scrubber(secrets: readonly string[]): (text: string, cut?: boolean) => string {
  const known = [...new Set(secrets)].filter((secret) => secret !== '').map(formsOf);
  const shortest = Math.min(...known.flat().map((form) => form.length));
  return (text, cut = false) => {
    if (text.length < shortest && !cut) return text;
    return known.reduce((rest, forms) => {
      // The longest first, so that a form that holds another one is removed whole.
      const clean = forms.reduce((given, form) => given.replaceAll(form, shown), rest);
      return cut ? forms.reduce(dropStart, clean) : clean;
    }, text);
  };
}

/** Marks that writers of JSON escape without need: Go's, and .NET's. */
const escapedMarks = ['&<>', `"&'+<>\``];

/** A text inside a string of JSON. @param marks what stands as `\u0000` although it need not @param capitals of its digits */
function withinJson(text: string, marks = '', capitals = false): string {
  const written = (part: string): string => JSON.stringify(part).slice(1, -1);
  const escaped = (mark: string): string => {
    const digits = mark.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${capitals ? digits.toUpperCase() : digits}`;
  };
  return (text.match(marks === '' ? /[^]+/g : new RegExp(`[${marks}]|[^${marks}]+`, 'g')) ?? [])
    .map((part) => (marks.includes(part) ? escaped(part) : written(part)))
    .join('');
}

/** The spellings of a secret, each once, the longest first. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8');
  const forms = [
    secret,
    ...(unescaped.test(secret) ? [] : escapedForms(secret)),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...base64Within(bytes),
  ];
  return [...new Set(forms)].filter((form) => form !== '').sort((a, b) => b.length - a.length);
}

/** What no writer of JSON, addresses, forms or HTML spells otherwise: most tokens are made of it. */
const unescaped = /^[A-Za-z0-9._-]*$/;

function escapedForms(secret: string): string[] {
  const json = withinJson(secret);
  const percent = encodeURIComponent(secret);
  const html = secret.replace(/[&<>]/g, (mark) => `&${{ '&': 'amp', '<': 'lt', '>': 'gt' }[mark]};`);
  return [
    json,
    json.replaceAll('/', '\\/'),
    ...escapedMarks.flatMap((marks) => [withinJson(secret, marks), withinJson(secret, marks, true)]),
    percent,
    percent.replace(/%../g, (escape) => escape.toLowerCase()),
    new URLSearchParams([['', secret]]).toString().slice(1),
    html,
    html.replaceAll('"', '&quot;'),
    html.replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
    html.replaceAll('"', '&#34;').replaceAll("'", '&#39;'),
  ];
}

/**
 * What the bytes look like in Base64, alone and as a part of something longer: there they begin at one of three places
 * of a group, and the characters at both ends, which also hold bits of their neighbours, are left out.
 */
function base64Within(bytes: Buffer): string[] {
  const alone = bytes.toString('base64');
  const within = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
  });
  // A short piece of a short secret is in any text.
  const pieces = within.filter((piece) => piece.length >= leastPiece);
  return [alone, alone.replace(/=+$/, ''), ...pieces].flatMap((text) => [
    text,
    // base64url (RFC 4648, 5)
    text.replaceAll('+', '-').replaceAll('/', '_'),
  ]);
}

function dropStart(text: string, form: string): string {
  for (let length = form.length - 1; length >= leastStart; length -= 1) {
    if (text.endsWith(form.slice(0, length))) return text.slice(0, -length);
  }
  return text;
}
