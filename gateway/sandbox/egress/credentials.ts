/** Says that something proves who asks, wherever it stands in a name: RFC 6265, 7235, 9421, 9449 and what is made like them. */
const proof =
  /^(authori[sz]ation|auth|cookie2?|dpop|jwt|secret|password|credentials?|signature|apikey|apitoken)$/;

/**
 * What stands before `Key` where a vendor documents a credential: X-Api-Key, X-Auth-Key (Cloudflare), CB-ACCESS-KEY, X-Functions-Key
 * and Ocp-Apim-Subscription-Key (Azure), DD-APPLICATION-KEY, X-RapidAPI-Key, Fastly-Key, X-Parse-Master-Key, X-Insert-Key (New
 * Relic). Idempotency-Key, Surrogate-Key and the like prove nothing.
 */
const keyOf = new Set(
  ['x', 'api', 'app', 'application', 'auth', 'access', 'account', 'admin', 'client', 'consumer', 'developer']
    .concat(['fastly', 'functions', 'insert', 'integration', 'javascript', 'license', 'mashape', 'master'])
    .concat(['private', 'project', 'public', 'query', 'rapidapi', 'rest', 'routing', 'secret', 'server'])
    .concat(['service', 'session', 'subscription', 'user', 'write']),
);
/** What stands before `Token` where it is a place in a list. */
const placeOf = new Set(['continuation', 'next', 'page', 'pagination', 'sync']);
/** Credentials whose name says nothing. */
const others = new Set(['x-honeycomb-team', 'session', 'session-id', 'x-session', 'x-session-id']);

/**
 * Whether a header proves who asks. What the code inside sets there is another account's, and does not go out.
 * @param name in small letters
 */
export function isCredential(name: string): boolean {
  const parts = name.split(/[-_]/);
  return (
    others.has(name) ||
    parts.some((part, at) => {
      const before = parts[at - 1];
      if (part === 'token') return before === undefined || !placeOf.has(before);
      if (part === 'key') return before === undefined || keyOf.has(before);
      return proof.test(part);
    })
  );
}
