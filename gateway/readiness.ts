import type { Sealer } from './audit/index.ts';
import type { Settings } from './config/index.ts';
import type { Delivery } from './delivery/index.ts';
import type { Shadow } from './policy/index.ts';
import type { Reloader } from './reload.ts';
import type { Check, Checks } from './server/index.ts';

/** `/readyz`: each dependency by name. n8n counts as ready once a signed ping came back through the workflow. */
export function readiness(parts: {
  settings: Settings;
  database: () => Promise<Check>;
  delivery: Delivery;
  reloader: Reloader;
  sealer: Sealer;
  shadow: Shadow | undefined;
}): Checks {
  const { settings, database, delivery, reloader, sealer, shadow } = parts;
  let answered = false;
  let pinging: Promise<void> | undefined;
  return {
    async database() {
      const answers = await database();
      const { inbox } = await delivery.health();
      return answers.state === 'ok' && !inbox.ok ? { state: 'down', text: inbox.detail } : answers;
    },
    async n8n() {
      const { n8n } = await delivery.health();
      if (!n8n.ok) {
        answered = false;
        return { state: 'down', text: `${n8n.detail}. Messages wait; nothing is lost.` };
      }
      if (!answered) {
        pinging ??= delivery.ping().then((pong) => {
          answered = pong;
          pinging = undefined;
        });
      }
      return answered
        ? { state: 'ok' }
        : {
            state: 'down',
            text: `The workflow at ${settings.n8nWebhookPath} has not answered a signed ping yet.`,
          };
    },
    ...(shadow
      ? {
          shadow: () => {
            const text = shadow.problem();
            return text === undefined ? { state: 'ok' } : { state: 'warn', text };
          },
        }
      : {}),
    ...Object.fromEntries(
      ['policy', 'people', 'automations', 'limits', 'models', 'prompts'].map((name) => [
        name,
        () => reloader.check(name),
      ]),
    ),
    receipts: () => {
      const problem = sealer.problem();
      return problem === undefined ? { state: 'ok' } : { state: 'down', text: problem.message };
    },
  };
}
