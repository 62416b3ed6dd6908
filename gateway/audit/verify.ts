import { z } from 'zod';
import { genesis, type Head, type SealedReceipt } from './chain.ts';
import { canonical, isIntact, ownDigest } from './export.ts';

/** One thing that is wrong with an export. */
export interface AuditProblem {
  kind: 'unreadable' | 'changed' | 'missing' | 'reordered' | 'rewritten' | 'cut';
  /** Line of the export, from 1; null where the fault has no line (what is missing). */
  line: number | null;
  /** Place in the chain, where one is concerned. */
  position: number | null;
  /** Id of the receipt, as far as it can still be read. */
  receipt: string | null;
  /** What is wrong, one sentence. */
  text: string;
}

/** What `verifyExport` found. */
export interface Verification {
  ok: boolean;
  problems: AuditProblem[];
  /** Sealed receipts read. */
  receipts: number;
  /** Receipts at the end that no hash covers yet. */
  unsealed: number;
  /** The last receipt of the chain, or null when there is none. */
  head: { position: number; hash: string } | null;
  /** Heads that the chain agreed with. */
  headsMatched: number;
  /** Heads that were sealed after this export was made. */
  headsNewer: number;
}

const hash = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const stored = {
  id: z.string(),
  kind: z.string(),
  messageId: z.string().nullable(),
  decisionId: z.string().nullable(),
  facts: z.record(z.string(), z.unknown()),
  createdAt: z.string(),
};
const count = z.number().int().min(0);
const LineSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('header'),
    format: z.literal('gatehouse-receipts'),
    version: z.literal(1),
    exportedAt: z.iso.datetime(),
    digest: hash,
  }),
  z.strictObject({
    type: z.literal('receipt'),
    ...stored,
    position: z.number().int().positive(),
    previous: hash,
    hash,
  }),
  z.strictObject({ type: z.literal('unsealed'), ...stored, digest: hash }),
  z.strictObject({
    type: z.literal('head'),
    position: count,
    hash,
    sealedAt: z.iso.datetime(),
    digest: hash,
  }),
  z.strictObject({ type: z.literal('end'), receipts: count, unsealed: count, heads: count, digest: hash }),
]);
type Line = z.output<typeof LineSchema>;

const order = ['header', 'receipt', 'unsealed', 'head', 'end'];
/** The clocks of the sealer and of an export may differ by this much before a newer head counts as a cut. */
const clockSkewMs = 5000;
/** A longer gap is reported as one. */
const namedEach = 100;

/**
 * Proves an export without a database: each receipt by its hash, each link, each head, and that every line is as it was
 * written. Reports everything that is wrong, in the order of the file.
 * @param lines the lines of the export without their newlines, as bytes or text; a file that does not end in a newline
 *   is given with a last line that is not empty, and one that does with an empty one
 * @param heads the heads kept outside Postgres, where at hand
 */
export async function verifyExport(
  lines: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  heads: readonly Head[] = [],
): Promise<Verification> {
  const check = new Check();
  let open: string | Uint8Array | undefined;
  for await (const line of lines) {
    if (open !== undefined) check.line(open);
    open = line;
  }
  return check.finish(open === undefined || open.length === 0, heads);
}

class Check {
  readonly #problems: AuditProblem[] = [];
  readonly #hashes = new Map<number, string>();
  readonly #heads: { head: Head; line: number | null }[] = [];
  readonly #counts = { header: 0, receipt: 0, unsealed: 0, head: 0, end: 0 };
  #line = 0;
  #stage = 0;
  /** Lines that could not be read as what they were: each may stand for one receipt that seems to be missing. */
  #damaged = 0;
  #expected = 1;
  #before: { position: number; hash: string } = { position: 0, hash: genesis };
  #exportedAt = Infinity;
  #end: Extract<Line, { type: 'end' }> | undefined;

  line(raw: string | Uint8Array): void {
    this.#line += 1;
    const line = readLine(raw);
    if (line === undefined) {
      this.#damaged += 1;
      // A damaged line in the receipts stands where the next receipt belongs.
      const position = this.#stage <= 1 && this.#line > 1 ? this.#expected++ : null;
      const id = /"id":"([^"]{1,64})"/.exec(toText(raw))?.[1] ?? null;
      const what = position === null ? '' : `, where receipt ${position} belongs,`;
      this.#report(
        'unreadable',
        { position, receipt: id },
        `Line ${this.#line}${what} is not what was exported.`,
      );
      return;
    }
    const stage = order.indexOf(line.type);
    if (stage < this.#stage || (this.#line === 1) !== (line.type === 'header') || this.#end) {
      this.#report(
        'reordered',
        {},
        `Line ${this.#line} (${line.type}) stands at the wrong place of the file.`,
      );
    }
    this.#stage = Math.max(stage, this.#stage);
    this.#counts[line.type] += 1;
    if (line.type === 'receipt') return this.#receipt(line);
    if (ownDigest(line) !== line.digest) {
      this.#damaged += 1;
      const id = line.type === 'unsealed' ? line.id : null;
      this.#report(
        'changed',
        { receipt: id },
        `Line ${this.#line} (${line.type}${id ? ` ${id}` : ''}) was changed.`,
      );
    } else if (line.type === 'header') this.#exportedAt = Date.parse(line.exportedAt);
    else if (line.type === 'head') this.#heads.push({ head: line, line: this.#line });
    if (line.type === 'end') this.#end = line;
  }

  #receipt(receipt: SealedReceipt): void {
    const { position, id } = receipt;
    if (!isIntact(receipt)) {
      this.#damaged += 1;
      const place = this.#expected++;
      this.#report('changed', { position: place, receipt: id }, `Receipt ${place} (${id}) was changed.`);
      return;
    }
    const place = { position, receipt: id };
    if (this.#hashes.has(position)) {
      this.#report(
        'reordered',
        place,
        `Receipt ${position} (${id}) is there twice, or another stands in its place.`,
      );
    } else if (position < this.#expected) {
      this.#report(
        'reordered',
        place,
        `Receipt ${position} (${id}) stands behind receipt ${this.#expected - 1}.`,
      );
    } else if (position === this.#before.position + 1 && receipt.previous !== this.#before.hash) {
      this.#report(
        'rewritten',
        place,
        `Receipt ${position} (${id}) does not follow the receipt ${position - 1} of this file: one of the two was replaced.`,
      );
    }
    if (!this.#hashes.has(position)) this.#hashes.set(position, receipt.hash);
    this.#expected = Math.max(this.#expected, position + 1);
    this.#before = { position, hash: receipt.hash };
  }

  finish(complete: boolean, witnesses: readonly Head[]): Verification {
    this.#missing();
    if (!complete) {
      const line = this.#line + 1;
      this.#report('cut', { line }, `Line ${line} has no end: the file was cut in the middle of a line.`);
    }
    if (!this.#end)
      this.#report('cut', { line: null }, 'The last line of the export is missing: the file was cut.');
    else this.#compareCounts(this.#end);
    const { matched, newer } = this.#compareHeads([
      ...this.#heads,
      ...witnesses.map((head) => ({ head, line: null })),
    ]);
    const last = [...this.#hashes.keys()].reduce((most, position) => Math.max(most, position), 0);
    return {
      ok: this.#problems.length === 0,
      problems: this.#problems,
      receipts: this.#counts.receipt,
      unsealed: this.#counts.unsealed,
      head: last === 0 ? null : { position: last, hash: this.#hashes.get(last) ?? genesis },
      headsMatched: matched,
      headsNewer: newer,
    };
  }

  /** Looks at the gaps between what is there: a forged place may be as far away as a number can say. */
  #missing(): void {
    const named = this.#problems.flatMap(({ position }) => (position === null ? [] : [position]));
    const known = [...new Set([...this.#hashes.keys(), ...named, this.#expected])].sort((a, b) => a - b);
    let next = 1;
    for (const position of known) {
      if (position > this.#expected) break;
      if (position - next > namedEach)
        this.#reportMissing(next, `Receipts ${next} to ${position - 1} are missing.`);
      else for (; next < position; next += 1) this.#reportMissing(next, `Receipt ${next} is missing.`);
      next = position + 1;
    }
  }

  #reportMissing(position: number, text: string): void {
    this.#report('missing', { position, line: null }, text);
  }

  #compareCounts(end: Extract<Line, { type: 'end' }>): void {
    // A damaged line is already reported; it is what a count may lack.
    for (const [type, expected] of [
      ['receipt', end.receipts],
      ['unsealed', end.unsealed],
      ['head', end.heads],
    ] as const) {
      const found = this.#counts[type];
      if (found > expected || found + this.#damaged < expected) {
        const text = `The export was made with ${expected} lines of type ${type} and holds ${found}.`;
        this.#report(found > expected ? 'changed' : 'missing', { line: null }, text);
      }
    }
  }

  #compareHeads(heads: { head: Head; line: number | null }[]): { matched: number; newer: number } {
    let matched = 0;
    let newer = 0;
    const last = this.#expected - 1;
    const bad = new Set<number>();
    for (const { head, line } of heads) {
      const found = this.#hashes.get(head.position);
      if (found === head.hash) matched += 1;
      else if (found !== undefined && !bad.has(head.position)) {
        bad.add(head.position);
        const since = `after receipt ${matchedBefore(heads, this.#hashes, head.position)}`;
        this.#report(
          'rewritten',
          { line, position: head.position },
          `Receipt ${head.position} is not the one that was sealed at ${head.sealedAt}: the chain was rewritten ${since}.`,
        );
      } else if (head.position > last) {
        if (line === null && Date.parse(head.sealedAt) > this.#exportedAt - clockSkewMs) newer += 1;
        else if (!bad.has(-1)) {
          bad.add(-1);
          this.#report(
            'cut',
            { line, position: head.position },
            `Receipt ${head.position} was sealed at ${head.sealedAt}, and the export ends at receipt ${last}.`,
          );
        }
      }
    }
    return { matched, newer };
  }

  #report(kind: AuditProblem['kind'], where: Partial<AuditProblem>, text: string): void {
    this.#problems.push({ kind, line: this.#line, position: null, receipt: null, ...where, text });
  }
}

function matchedBefore(heads: { head: Head }[], hashes: Map<number, string>, position: number): number {
  return heads
    .filter(({ head }) => head.position < position && hashes.get(head.position) === head.hash)
    .reduce((most, { head }) => Math.max(most, head.position), 0);
}

function toText(raw: string | Uint8Array): string {
  return typeof raw === 'string' ? raw : new TextDecoder('utf-8', { ignoreBOM: true }).decode(raw);
}

function readLine(raw: string | Uint8Array): Line | undefined {
  try {
    const text = toText(raw);
    const line = LineSchema.parse(JSON.parse(text));
    return canonical(line) === text ? line : undefined;
  } catch {
    return undefined;
  }
}
