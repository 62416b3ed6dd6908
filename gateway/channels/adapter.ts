import type { Logger } from '../config/index.ts';
import type { EgressClient } from '../egress/index.ts';
import type { Command } from '../envelope/index.ts';

/** One HTTP call of a vendor, before anything of it is believed. */
export interface RawDelivery {
  /** Path without query, for example `/channels/slack/events`. */
  path: string;
  /** Header names in lower case. */
  headers: Record<string, string | undefined>;
  body: Buffer;
  receivedAt: Date;
}

/** How to answer: opaque to all but the adapter that made it. */
export type Route = Record<string, string | null>;

/** Where a vendor's file is, for the adapter that made it alone. It is stored until the file was fetched, and never logged. */
export type FileSource = Record<string, string>;

/** Why a file cannot be had. */
export type AttachmentFlaw =
  | 'too_many'
  | 'too_large'
  | 'empty'
  | 'name'
  | 'type'
  /** It lies with somebody else than the vendor. */
  | 'elsewhere'
  | 'gone'
  | 'refused'
  | 'unreachable'
  /** More would be kept of its person than may be. */
  | 'quota';

/** A file that came with a message. The adapter names it; it fetches it only later, by `fetchFile`. */
export interface InboundAttachment {
  id: string;
  /** As its sender called it, where the channel vouches that it is a plain name. */
  name?: string;
  mime: string;
  bytes: number;
  sha256: string | null;
  ref: string | null;
  /** The bytes, where they came with the message. They are stored beside the envelope, and never in it. */
  content?: Uint8Array;
  /** What its vendor calls it, the same wherever it is named again, such as in an edited message. */
  nativeId?: string;
  /** Where they are fetched from, where they did not. */
  source?: FileSource;
  /** Why nobody will have them. */
  flaw?: AttachmentFlaw;
}

/** A verified message in the common shape. Whoever stores it adds principal, session and trust of the sender. */
export interface InboundMessage {
  event: 'created' | 'edited' | 'deleted' | 'reaction' | 'action' | 'command';
  channel: {
    kind: 'web' | 'slack' | 'telegram';
    account: string;
    conversation: string;
    thread: string | null;
    visibility: 'dm' | 'private' | 'public' | 'external';
  };
  message: { nativeId: string; replyTo: string | null; revision: number };
  /** `nativeId` is unique within the channel's account and immutable; it is who the session belongs to. */
  sender: { nativeId: string; display: string; isBot: boolean };
  ingress: 'signature' | 'token' | 'session';
  content: {
    text: string;
    mentions: string[];
    /** Only from text that the sender typed in a new message: never from an edit or a forward. */
    command: Command | null;
    action: { id: string; value: string } | null;
    reaction: string | null;
  };
  attachments: InboundAttachment[];
  /** RFC 3339. */
  time: string;
  route: Route;
  /** The payload as it came, for the raw store. */
  raw: string;
}

/** What became of an authenticated delivery. */
export type Inbound =
  | { kind: 'respond'; status: number; body: unknown }
  | { kind: 'messages'; messages: InboundMessage[]; ack?: unknown }
  | { kind: 'ignored'; reason: string }
  | {
      kind: 'unusable';
      /** One sentence without any of the content. */
      reason: string;
      /** The field at fault, dotted. */
      field: string;
      /** The vendor's id of the message where it can be read, else a digest of the payload: the same at each retry. */
      nativeId: string;
      /** Who sent it, as in a message, where that can be read: for rate limits, and because strangers' text is not kept. */
      sender: string | null;
      /** How to tell the sender, where that can be read. */
      route: Route | null;
      raw: string;
    };

/** What a person is shown. Plain text throughout: the adapter escapes it and makes it native. */
export interface Outgoing {
  text: string;
  facts?: { label: string; value: string }[];
  buttons?: { label: string; value: string; style: 'primary' | 'danger' | 'default' }[];
  link?: { label: string; url: string };
  /** Further links, each as small as can be. */
  links?: { label: string; url: string }[];
  /** How far a request is, or how it ended; `unknown` is an effect of which nobody knows whether it happened. */
  tone?:
    'info' | 'answered' | 'done' | 'waiting' | 'refused' | 'expired' | 'cancelled' | 'failed' | 'unknown';
}

/** One way to talk with people. Everything that only a vendor knows stays behind this. */
export interface ChannelAdapter {
  readonly kind: 'web' | 'slack' | 'telegram';
  /** Workspace, bot or tenant that this adapter speaks for; empty until the vendor told. */
  account(): string;
  /**
   * Verifies and parses one delivery. Whatever an authenticated vendor sends becomes an `Inbound`, never an error.
   * @throws GatehouseError 401 `GH-CHANNEL-002` (not authenticated), 413 `GH-CHANNEL-003` (too large),
   *   400 `GH-CHANNEL-004` (not a delivery of this vendor at all)
   */
  receive(delivery: RawDelivery): Promise<Inbound>;
  /**
   * Connects. Where the vendor is pulled from, each `Inbound` goes to `sink`, and the vendor is told that it was
   * received only after `sink` resolved.
   * @throws GatehouseError `GH-CHANNEL-001` when a secret is missing or the vendor refuses it
   */
  start(sink: (inbound: Inbound) => Promise<void>): Promise<void>;
  stop(): Promise<void>;
  /**
   * Shows a message, as an edit of `previousNativeId` where there is one and the vendor lets us.
   * @returns what to pass as `previousNativeId` next time
   * @throws GatehouseError `GH-CHANNEL-005` (try again, after `retryAfter` seconds where given) or `GH-CHANNEL-006`
   *   (the vendor refuses it for good)
   */
  send(route: Route, message: Outgoing, previousNativeId: string | null): Promise<{ nativeId: string }>;
  /**
   * Fetches a file that it named, through the egress rules and from the vendor's own host alone.
   * @param most bytes that are read
   * @throws GatehouseError `GH-CHANNEL-005`: try again, after `retryAfter` seconds where given
   */
  fetchFile?(source: FileSource, most: number): Promise<{ content: Buffer } | { flaw: AttachmentFlaw }>;
  /** @returns the route of a private conversation with a person, or null where there is none */
  directRoute(nativeUserId: string): Route | null;
  /** @returns the route of a channel or group that we are a member of; null for what is no id of one */
  conversationRoute(nativeId: string): Route | null;
}

/** What every adapter with a vendor behind it needs. */
export interface AdapterContext {
  /** Reads the secret store, for example `slack/bot-token`. */
  secrets: (name: string) => Promise<string | undefined>;
  clock?: () => Date;
  /** How files are fetched. */
  egress: Pick<EgressClient, 'send'>;
  log: Logger;
}
