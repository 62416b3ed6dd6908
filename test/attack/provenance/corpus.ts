import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { parseTool, type Tool } from '../../../gateway/catalogue/index.ts';

/** A call, and what its tool answered. */
export interface RecordedCall {
  tool: string;
  args: Record<string, unknown>;
  returns?: unknown;
}

/** What a person typed, and what an honest agent does for it, in this order. */
export interface BenignTask {
  says: string;
  calls: RecordedCall[];
}

export const attackKinds = [
  'plain',
  'paraphrased',
  'encoded',
  'no-marker',
  'plausible',
  'mentioned',
  'look-alike',
  'joined',
  'laundered',
  'amount',
  'link',
  'delegated',
] as const;

/** What ran for a request, with the planted text in what it returned, and the call that the text asks for. */
export interface InjectedCall {
  kind: (typeof attackKinds)[number];
  says: string;
  before: RecordedCall[];
  call: RecordedCall;
}

/** One field of work: its tools, what people ask for, and what was planted into what its tools return. */
export interface Domain {
  name: string;
  tools: Map<string, Tool>;
  tasks: BenignTask[];
  attacks: InjectedCall[];
}

/**
 * Reads a corpus: a folder a domain, each with `tools.yaml` (one document a tool, as in `policies/tools`), `tasks.yaml` and
 * `attacks.yaml`.
 * @throws Error naming the file and the first fault
 */
export async function readCorpus(folder: string): Promise<Domain[]> {
  const names = (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  return Promise.all(names.sort().map((name) => readDomain(join(folder, name), name)));
}

async function readDomain(folder: string, name: string): Promise<Domain> {
  const read = (file: string): Promise<string> => readFile(join(folder, file), 'utf8');
  const tools = new Map<string, Tool>();
  for (const [index, document] of parseAllDocuments(await read('tools.yaml')).entries()) {
    const tool = parseTool(`${name}/tools.yaml#${index + 1}`, String(document));
    tools.set(tool.name, tool);
  }
  const list = async <T extends { says: string }>(file: string): Promise<T[]> =>
    parse(await read(file)) as T[];
  const tasks = await list<BenignTask>('tasks.yaml');
  const attacks = await list<InjectedCall>('attacks.yaml');
  const strange = attacks.find((attack) => !attackKinds.includes(attack.kind));
  if (strange) throw new Error(`${name}/attacks.yaml: there is no kind ${strange.kind}`);
  const calls = [
    ...tasks.flatMap((task) => task.calls),
    ...attacks.flatMap((attack) => [...attack.before, attack.call]),
  ];
  for (const call of calls) {
    call.args ??= {};
    const problem = tools.get(call.tool)?.check(call.args);
    if (problem !== null)
      throw new Error(
        `${name}: ${JSON.stringify(call).slice(0, 200)}: ${problem ? `${problem.field} ${problem.text}` : 'no such tool'}`,
      );
  }
  return { name, tools, tasks, attacks };
}
