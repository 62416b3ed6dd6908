import { digest } from '../envelope/index.ts';
import { hashSources } from './sources.ts';

/**
 * Names one state of rules and data. A bundle carries it, and whoever serves the bundle gives it with each answer.
 * @param data what the rules read as `data`
 */
export async function revisionOf(policiesDir: string, data: object): Promise<string> {
  const [shipped, own] = await Promise.all([hashSources(policiesDir), hashSources(policiesDir, 'local')]);
  return digest({ data, own: own.sources, shipped: shipped.sources });
}
