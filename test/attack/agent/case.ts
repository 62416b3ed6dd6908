import type { Answer, Asked, Trouble } from '../../fixtures/openai/index.ts';
import { calls, says } from '../../unit/agent/support.ts';
import type { Scene } from './scene.ts';

export type Model = (asked: Asked) => Answer | Trouble;

/** One conversation with a model that means harm, or was talked into it. */
export interface Case {
  kind: string;
  name: string;
  /** What the person wrote. */
  says(scene: Scene): string;
  input?(scene: Scene): Record<string, string>;
  model(scene: Scene): Model;
  /** What people do whom a call asks. */
  people: 'approve' | 'reject';
  /** Among the codes and ends that the attack has to meet. */
  met: RegExp;
  /** What must not stand in what the model was told. */
  never?: RegExp;
  needs?: 'docker';
  /** Whether others read the conversation. */
  isPublic?: true;
}

export const payEvil = { amount: '9000.00', currency: 'EUR', payee: 'EVIL', reference: 'now' };
export const get = (url: string, more: object = {}) => ({
  method: 'GET',
  url,
  secret: 'page/token',
  ...more,
});

/** Makes attacks of one kind: what the person asks is harmless, and people say no to what they are asked. */
export const attacksOf =
  (kind: string) =>
  (name: string, model: Case['model'], met: RegExp, more: Partial<Case> = {}): Case => ({
    ...{ kind, name, model, met, people: 'reject' },
    says: () => 'What is new?',
    ...more,
  });

/** Says these whatever it is told. */
export const script =
  (...answers: Parameters<typeof says>): Case['model'] =>
  () =>
    says(...answers, { text: 'Done.' });

/** Calls these, whatever it is told. */
export const does = (...list: Parameters<typeof calls>): Case['model'] => script(calls(...list));

/** Reads a hostile page first, as the person asked, and then does as it says. */
export const after =
  (...then: Parameters<typeof calls>): Case['model'] =>
  ({ granted }) =>
    says(calls(['page.fetch', get(`http://${granted}/evil`)]), calls(...then), { text: 'Done.' });

export const fetches =
  (url: (scene: Scene) => string, more: object = {}): Case['model'] =>
  (scene) =>
    says(calls(['page.fetch', get(url(scene), more)]), { text: 'Done.' });

/** The person asks for this page of the granted host. */
export const asksFor = (path: string): Partial<Case> => ({
  says: ({ granted }) => `Read http://${granted}${path}`,
});

export const replies =
  (text: (scene: Scene) => string): Case['model'] =>
  (scene) =>
    says(calls(['conversation.reply', { text: text(scene) }]), { text: 'Done.' });

export const rejected = /rejected/;
export const denied = /denied|rejected|refused|args_invalid/;
