import { EgressRefused, type Allowed, type EgressClient } from '../egress/index.ts';
import type { AttachmentFlaw } from './adapter.ts';
import { busy } from './failures.ts';

const fetchMs = 30_000;
/** A root over http is a stand-in or a server of one's own beside the gateway, which its setting names with its port. */
const nearby = ['127.0.0.0/8', '::1/128', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];

/** One file of a vendor: where it is, and the one part of the vendor that it may be in. */
export interface VendorFile {
  vendor: string;
  url: string;
  /** Headers that prove who asks. */
  credentials?: Record<string, string>;
  allowed: Allowed;
  /** What is read of it at most. */
  most: number;
}

/** What may be read at a root that the settings name. @param host another one than the root's, over https */
export function readable(root: string, path: string, host?: string): Allowed {
  const url = new URL(root);
  const common = { methods: ['GET'], paths: [path] };
  if (url.protocol === 'https:') return { ...common, host: host ?? url.host };
  return { ...common, host: `${url.hostname}:${url.port || '80'}`, plainHttp: true, privateNetworks: nearby };
}

/**
 * Fetches a file through the egress rules; redirects are not followed. No error says where it is, which can hold a token.
 * @throws GatehouseError `GH-CHANNEL-005` where another try helps
 */
export async function fetchVendorFile(
  egress: Pick<EgressClient, 'send'>,
  { vendor, url, credentials, allowed, most }: VendorFile,
): Promise<{ content: Buffer } | { flaw: AttachmentFlaw }> {
  const outgoing = { method: 'GET', url, headers: {}, signal: AbortSignal.timeout(fetchMs), maxBytes: most };
  const answer = await egress
    .send({ ...outgoing, ...(credentials && { credentials }) }, [allowed])
    .catch((error: unknown) => {
      if (error instanceof EgressRefused) return null;
      throw busy(vendor, undefined);
    });
  if (answer === null) return { flaw: 'elsewhere' };
  const { status, headers, body, truncated } = answer;
  if (status === 429 || status >= 500)
    throw busy(vendor, undefined, Number(headers['retry-after']) || undefined);
  if (status === 404 || status === 410) return { flaw: 'gone' };
  // A page stands in for a file where its reader has to sign in; no page is among the files that are taken.
  const isPage = String(headers['content-type'] ?? '').startsWith('text/html');
  if (status !== 200 || isPage || body === null) return { flaw: 'refused' };
  return truncated ? { flaw: 'too_large' } : { content: body };
}
