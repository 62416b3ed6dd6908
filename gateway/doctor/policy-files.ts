import { loadCatalogue } from '../catalogue/index.ts';
import { GatehouseError } from '../config/index.ts';
import { loadEngine, readApprovalClasses, readLimits, readOverrides } from '../policy/index.ts';
import { createAutomations, createLimits, readPeople, type PeopleDraft } from '../sessions/index.ts';

/** The files of a folder of policies that decide. */
export interface PolicyFiles {
  /** What a gateway would refuse of them. */
  faults: GatehouseError[];
  /** Null where people.yaml has a fault. */
  people: PeopleDraft | null;
  /** Digests of the files beside the rules, in the order in which the version of the policy covers them. */
  beside: string[];
}

/** Reads them as a start of the gateway does, and each for itself, so that a fault of one hides no other. */
export async function readPolicyFiles(policiesDir: string, now: Date): Promise<PolicyFiles> {
  const faults: GatehouseError[] = [];
  const read = async <File>(work: () => File | Promise<File>): Promise<File | null> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof GatehouseError)) throw error;
      if (!isTold(error, faults)) faults.push(error);
      return null;
    }
  };
  const catalogue = await read(() => loadCatalogue(policiesDir).read());
  const classes = await read(() => readApprovalClasses(policiesDir));
  await read(() => readLimits(policiesDir));
  const overrides = await read(() => readOverrides(policiesDir, now, catalogue ?? undefined));
  const people = await read(() => readPeople(policiesDir));
  if (people) {
    await read(() => classes?.check(people));
    await read(() => overrides?.check(people));
  }
  const knows = catalogue ? (tool: string): boolean => Object.hasOwn(catalogue.data, tool) : undefined;
  const automations = await read(() => createAutomations({ policiesDir, ...(knows ? { knows } : {}) }));
  const limits = await read(() => createLimits({ policiesDir }));
  await read(() => loadEngine(policiesDir, {}));
  const beside = [people, automations, limits].flatMap((file) => file?.version ?? []);
  return { faults, people, beside };
}

/** Two rooms read automations.yaml and limits.yaml, each its part; what is no YAML at all is a fault to both. */
function isTold({ message }: GatehouseError, faults: readonly GatehouseError[]): boolean {
  const told = new Set(faults.flatMap((fault) => linesOf(fault.message)));
  return linesOf(message).every((line) => told.has(line));
}

/** The faults that a message lists, without what introduces them. */
function linesOf(message: string): string[] {
  const [first = '', ...listed] = message.split('\n').map((line) => line.trim());
  return listed.length > 0 ? listed : [first];
}
