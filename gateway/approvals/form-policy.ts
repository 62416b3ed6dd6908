/**
 * The one script of the Approval Gate's form: it takes the personal token out of the fragment and into the form. By its
 * hash no other script of a page that came through n8n runs, so that opening a link can never send its token away.
 * A test compares it with the page; a form of another version then says to use the approvals page.
 */
const formScript = 'sha256-zyK+Uo+JO3zsZdEM6CndNScv3X2zX5xmUkvNhA8ZFZY=';

/**
 * What a page from n8n may do on the public origin, whatever n8n itself says of it: a browser keeps to both. The origin
 * is also that of the chat and the approvals page, so the page gets none of it (`sandbox`), and no address but its own.
 */
export const formPolicy = [
  "default-src 'none'",
  `script-src '${formScript}'`,
  "style-src 'unsafe-inline'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  'sandbox allow-forms allow-scripts',
].join('; ');
