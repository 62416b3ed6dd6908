import { join } from 'node:path';
import { z } from 'zod';
import { nextTime, type Cron } from './cron.ts';
import { readVersioned, type Versioned } from './yaml-file.ts';

/** What scheduled calls act as, in the place of a workflow. No workflow of n8n can have this id. */
export const scheduleWorkflow = 'gatehouse:schedule';

const ScheduleSchema = z
  .strictObject({
    cron: z.string().min(9).max(100).describe('five fields: minute, hour, day of month, month, day of week'),
    timezone: z.string().min(1).max(60).describe('IANA name, such as Europe/Berlin'),
    missed: z
      .enum(['skip', 'once', 'all'])
      .default('once')
      .describe('what becomes of times at which no gateway ran: none, the latest, or each is made up for'),
    call: z.strictObject({
      tool: z.string().min(1).max(128),
      args: z.record(z.string(), z.json()).default({}),
    }),
  })
  .refine(isReadable, 'the cron expression or the time zone cannot be read');

function isReadable(schedule: Cron): boolean {
  try {
    return schedule.cron.trim().split(/\s+/).length === 5 && Boolean(nextTime(schedule, new Date()));
  } catch {
    return false;
  }
}

const AutomationsFileSchema = z.strictObject({
  automations: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
        display: z.string().min(1).max(80),
        owner: z.string().min(1).describe('principal of people.yaml who answers for it'),
        workflow: z
          .string()
          .min(1)
          .max(64)
          .optional()
          .describe('id of the only n8n workflow that may act as it'),
        schedule: ScheduleSchema.optional().describe('a call that is made at set times, without n8n'),
        tools: z.unknown().optional().describe('what it may do unasked; the rules read it themselves'),
      }),
    )
    .refine(
      (list) => list.every(({ workflow, schedule }) => (workflow === undefined) !== (schedule === undefined)),
      'an automation has a workflow or a schedule, one of them',
    )
    .refine((list) => new Set(list.map((entry) => entry.name)).size === list.length, 'a name stands twice'),
});

/** The file, held against the tools that there are. @param knows whether a tool exists; without it nobody looks */
function fileSchema(knows: (tool: string) => boolean = () => true): typeof AutomationsFileSchema {
  return AutomationsFileSchema.check(({ value, issues }) => {
    for (const [index, { schedule }] of value.automations.entries()) {
      if (!schedule || knows(schedule.call.tool)) continue;
      issues.push({
        code: 'custom',
        message: `there is no tool ${schedule.call.tool}; npx gatehouse tools list names them`,
        path: ['automations', index, 'schedule', 'call', 'tool'],
        input: schedule.call.tool,
      });
    }
  });
}

/** A run without a person behind it; it acts under a principal of its own and has no values of a user. */
export interface Automation {
  /** `automation:<name>`, which no person can have. */
  principal: string;
  display: string;
  owner: string;
}

/** An automation that makes one call at set times. */
export interface Scheduled extends Automation {
  name: string;
  cron: string;
  timezone: string;
  missed: 'skip' | 'once' | 'all';
  call: { tool: string; args: Record<string, unknown> };
}

/** The automations that `automations.yaml` declares. */
export interface Automations {
  /** Digest of automations.yaml; part of the policy version. */
  readonly version: string;
  /** @returns the automation, or undefined when it is not declared or belongs to another workflow */
  get(name: string, workflow: string): Automation | undefined;
  /** @returns all that are declared, in the order of the file */
  list(): Automation[];
  /** @returns those that make a call at set times */
  scheduled(): Scheduled[];
  reload(): Promise<void>;
}

/**
 * @param options.knows whether a tool exists: one that a schedule calls has to; asked at each load, and nobody looks without it
 * @param options.admit asked with its digest before a file is used
 * @throws GatehouseError `GH-SESSIONS-001` naming file, line and reason
 */
export async function createAutomations(options: {
  policiesDir: string;
  knows?: (tool: string) => boolean;
  admit?: (digest: string) => Promise<void>;
}): Promise<Automations> {
  const file = join(options.policiesDir, 'automations.yaml');
  const schema = fileSchema(options.knows);
  const load = (): Promise<Versioned<z.output<typeof AutomationsFileSchema>>> =>
    readVersioned(file, schema, options.admit);
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
        (entry) => entry.name === name && (entry.workflow ?? scheduleWorkflow) === workflow,
      );
      return found && automationOf(found);
    },
    list: () => declared.data.automations.map(automationOf),
    scheduled: () =>
      declared.data.automations.flatMap((entry) =>
        entry.schedule ? [{ ...automationOf(entry), name: entry.name, ...entry.schedule }] : [],
      ),
    async reload() {
      declared = await load();
    },
  };
}
