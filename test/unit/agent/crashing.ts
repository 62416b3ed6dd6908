/** Works on runs of the agent and is killed at one point: `node crashing.ts GROUND POINT`, such as `answer:2`. */
import type { AgentDeps } from '../../../gateway/agent/index.ts';
import { openHouse, type Ground } from './house.ts';

const [ground = '', point = ''] = process.argv.slice(2);
const reached = new Map<string, number>();
/** Counts how often something happened, and dies at the wanted time. */
function reach(what: string): void {
  const times = (reached.get(what) ?? 0) + 1;
  reached.set(what, times);
  if (point !== `${what}:${times}`) return;
  process.kill(process.pid, 'SIGKILL');
  // The signal is on its way.
  for (;;);
}

const dying = (deps: AgentDeps): Partial<AgentDeps> => ({
  onStep: (_run, { kind }) => reach(kind),
  egress: {
    async open(...given) {
      const opened = await deps.egress.open(...given);
      reach('lost');
      return opened;
    },
  },
  tools: {
    async execute(...given) {
      const execution = await deps.tools.execute(...given);
      reach(execution.status === 'needs_approval' ? 'decided' : 'effect');
      return execution;
    },
  },
  approvals: {
    ...deps.approvals,
    async register(...given) {
      const registered = await deps.approvals.register(...given);
      reach('asked');
      return registered;
    },
  },
});

const house = await openHouse(JSON.parse(ground) as Ground, dying);
house.agent.work();
