import { join } from 'node:path';
import { z } from 'zod';
import { readVersioned, type Versioned } from './yaml-file.ts';

const AutomationsFileSchema = z.strictObject({
  automations: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
        display: z.string().min(1).max(80),
        owner: z.string().min(1).describe('principal of people.yaml who answers for it'),
        workflow: z.string().min(1).max(64).describe('id of the only n8n workflow that may act as it'),
        tools: z.unknown().optional().describe('what it may do unasked; the rules read it themselves'),
      }),
    )
    .refine((list) => new Set(list.map((entry) => entry.name)).size === list.length, 'a name stands twice'),
});

/** A run without a person behind it; it acts under a principal of its own and has no values of a user. */
export interface Automation {
  /** `automation:<name>`, which no person can have. */
  principal: string;
  display: string;
  owner: string;
}

/** The automations that `automations.yaml` declares. */
export interface Automations {
  /** Digest of automations.yaml; part of the policy version. */
  readonly version: string;
  /** @returns the automation, or undefined when it is not declared or belongs to another workflow */
  get(name: string, workflow: string): Automation | undefined;
  /** @returns all that are declared, in the order of the file */
  list(): Automation[];
  reload(): Promise<void>;
}

/**
 * @param options.admit asked with its digest before a file is used
 * @throws GatehouseError `GH-SESSIONS-001` naming file, line and reason
 */
export async function createAutomations(options: {
  policiesDir: string;
  admit?: (digest: string) => Promise<void>;
}): Promise<Automations> {
  const load = (): Promise<Versioned<z.output<typeof AutomationsFileSchema>>> =>
    readVersioned(join(options.policiesDir, 'automations.yaml'), AutomationsFileSchema, options.admit);
  let declared = await load();
  const automationOf = ({
    name,
    display,
    owner,
  }: {
    name: string;
    display: string;
    owner: string;
  }): Automation => ({
    principal: `automation:${name}`,
    display,
    owner,
  });
  return {
    get version() {
      return declared.version;
    },
    get(name, workflow) {
      const found = declared.data.automations.find(
        (entry) => entry.name === name && entry.workflow === workflow,
      );
      return found && automationOf(found);
    },
    list: () => declared.data.automations.map(automationOf),
    async reload() {
      declared = await load();
    },
  };
}
