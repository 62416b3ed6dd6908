import { GatehouseError } from '../config/index.ts';

/** Why the agent does not do what was asked of it. */
export const refusals = {
  noModel: () =>
    new GatehouseError('no_model_configured', 'No language model is configured, so the agent cannot run.', {
      status: 503,
      next: 'Use the commands that /help lists.',
    }),
  noModelOfTask: (task: string, modelClass: string | null) =>
    new GatehouseError(
      'GH-AGENT-005',
      `models.yaml has no model ${modelClass === null ? '' : `of the class ${modelClass} `}for the task ${task}.`,
      { field: modelClass === null ? 'task' : 'modelClass', next: 'List one under tasks in models.yaml.' },
    ),
  unknown: () =>
    new GatehouseError('GH-AGENT-010', 'There is no such run of this person in this conversation.', {
      status: 404,
    }),
  over: (state: string) =>
    new GatehouseError('GH-AGENT-011', `The run is over: ${state}.`, {
      status: 409,
      next: 'Start another one.',
    }),
  noText: () =>
    new GatehouseError('GH-AGENT-012', 'There is no text to say.', { field: 'text', next: 'Give one.' }),
};
