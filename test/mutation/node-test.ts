/**
 * What the tests of these rooms use of node:test, so that they can run in one process again and again: node:test runs what
 * a process registered once. `npm test` runs them with node:test itself.
 */
type Work = () => unknown;
type Hook = 'before' | 'after' | 'beforeEach' | 'afterEach';
interface Context {
  after(work: Work): void;
}
type Body = (context: Context) => unknown;

/** A test file as it registered itself. */
export interface TestFile {
  name: string;
  hooks: Record<Hook, Work[]>;
  tests: { id: string; skip: boolean; body: Body }[];
}

let current: TestFile;

/** Loads a test file. */
export async function load(name: string, url: string): Promise<TestFile> {
  const file = { name, hooks: { before: [], after: [], beforeEach: [], afterEach: [] }, tests: [] };
  current = file;
  await import(url);
  return file;
}

const hook = (name: Hook) => (work: Work) => void current.hooks[name].push(work);
export const before = hook('before');
export const after = hook('after');
export const beforeEach = hook('beforeEach');
export const afterEach = hook('afterEach');

export function test(name: string, ...rest: [Body] | [{ skip?: boolean | string }, Body]): void {
  const [options, body] = rest.length === 2 ? rest : [{}, rest[0]];
  const { tests, name: file } = current;
  // Tests may share a name; their ids may not.
  const same = tests.filter(({ id }) => id.startsWith(`${file} ${name}`)).length;
  tests.push({ id: `${file} ${name}${same > 0 ? ` ${same}` : ''}`, skip: Boolean(options.skip), body });
}

/** Runs one test with the hooks of its file. @returns what it failed with, or null */
export async function runTest(file: TestFile, body: Body): Promise<unknown> {
  const after: Work[] = [];
  let failure: unknown = null;
  const attempt = async (work: Work): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failure ??= error ?? new Error('failed');
    }
  };
  await attempt(async () => {
    for (const work of file.hooks.beforeEach) await work();
    await body({ after: (work) => void after.push(work) });
  });
  for (const work of [...after, ...file.hooks.afterEach]) await attempt(work);
  return failure;
}
