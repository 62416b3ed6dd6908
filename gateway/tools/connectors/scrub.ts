const shown = '[redacted]';

/** Shorter starts of a secret at a cut say too little to matter, and are in any text. */
const leastStart = 3;

/**
 * Removes a secret from text that came back from outside, as it is and in the encodings that servers echo.
 * @param secret nothing is removed for an empty one
 * @param cut whether the text was truncated, so that it may end within the secret
 */
export function scrub(text: string, secret: string, cut = false): string {
  if (secret === '') return text;
  const bytes = Buffer.from(secret, 'utf8');
  const json = JSON.stringify(secret).slice(1, -1);
  const forms = [
    secret,
    json,
    encodeURIComponent(secret),
    bytes.toString('base64'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    bytes.toString('hex'),
  ];
  let clean = text;
  // The longest first, so that a form that holds another one is removed whole.
  for (const form of [...new Set(forms)].sort((a, b) => b.length - a.length))
    clean = clean.replaceAll(form, shown);
  return cut ? forms.reduce(dropStart, clean) : clean;
}

function dropStart(text: string, form: string): string {
  for (let length = form.length - 1; length >= leastStart; length -= 1) {
    if (text.endsWith(form.slice(0, length))) return text.slice(0, -length);
  }
  return text;
}
