import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Pool } from '../db/index.ts';
import type { Execution } from './types.ts';

/** Results up to this size travel with their outcome, bytes of JSON. */
const mostBytes = 64 * 1024;
/** UTF-16 units of one part: at three bytes each, or escaped within JSON, it stays below `mostBytes`. */
const partLength = 16 * 1024;
const excerptLength = 1000;

/** Stands for a result that is too large for a workflow's items or a model's context. */
export interface ResultReference {
  /** The attempt whose result it is; `gatehouse.result` reads it. */
  ref: string;
  /** Its size as JSON. */
  bytes: number;
  /** Digest of its canonical JSON (RFC 8785). */
  sha256: string;
  /** How it begins. */
  excerpt: string;
}

/** One part of a result's JSON text. */
export interface ResultPart {
  text: string;
  offset: number;
  /** Characters of the whole. */
  length: number;
  /** Where the next part begins; null after the last. */
  next: number | null;
}

/** Keeps a large result where it is stored, and answers with a reference to it. */
export function byReference(execution: Execution): Execution {
  const { result, attempt } = execution;
  if (result === undefined || attempt === undefined) return execution;
  const json = textOf(result);
  const bytes = Buffer.byteLength(json);
  if (bytes <= mostBytes) return execution;
  const sha256 = createHash('sha256').update(json).digest('hex');
  const reference: ResultReference = { ref: attempt, bytes, sha256, excerpt: cut(json, 0, excerptLength) };
  return { ...execution, result: reference };
}

/** Reads kept results for the connector. */
export interface KeptResults {
  /**
   * A part of what an attempt of the same session returned.
   * @param asking the attempt that reads it; it names the session
   * @param offset where the part begins, in characters of the result's JSON
   * @returns null for what is unknown, of another session, or past its retention
   */
  part(asking: string, ref: string, offset: number): Promise<ResultPart | null>;
}

/** @param pool the gateway's own database */
export function createKeptResults(pool: Pool): KeptResults {
  return {
    async part(asking, ref, offset) {
      const { rows } = await pool.query<{ result: unknown }>({
        name: 'kept-result',
        text: `with kept as (
            select a.id, a.result->'result' as result, d.session_key
            from attempts a join decisions d on d.id = a.decision_id where a.id in ($1, $2)
          )
          select read.result from kept read join kept asking using (session_key)
          where read.id = $2 and asking.id = $1 and read.result is not null`,
        values: [asking, ref],
      });
      if (!rows[0]) return null;
      const json = textOf(rows[0].result);
      const text = cut(json, offset, partLength);
      const end = offset + text.length;
      return { text, offset, length: json.length, next: end < json.length ? end : null };
    },
  };
}

/** RFC 8785: the same text however Postgres keeps it. */
const textOf = (result: unknown): string => canonicalize(result) ?? 'null';

/** A piece of a text that ends between two characters, never within one. */
function cut(text: string, start: number, length: number): string {
  const end = start + length;
  const split = /[\uD800-\uDBFF]/.test(text.charAt(end - 1)) && end < text.length;
  return text.slice(start, split ? end - 1 : end);
}
