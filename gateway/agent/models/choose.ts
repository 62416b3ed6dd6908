import { dataClasses, type DataClass } from '../../catalogue/index.ts';
import type { Model } from './file.ts';
import type { Language } from './language.ts';

/** What decides which model is asked. */
export interface Need {
  /** The caller's wish, where there is one. */
  modelClass: string | null;
  /** The highest class of data in the context. */
  dataClass: DataClass;
  /** Estimated tokens of the prompt. */
  tokens: number;
  /** What the conversation began in; null where that is not known. */
  language: Language | null;
}

/** Whether a model is of the class that a caller wished for, where they wished for one. */
export const isOfClass = (model: Pick<Model, 'class'>, wished: string | null): boolean =>
  wished === null || model.class === wished;

/** Tokens that a conversation can have at most with one of these models. */
export const roomOf = (models: readonly Pick<Model, 'context' | 'output'>[]): number =>
  Math.max(0, ...models.map(({ context, output }) => context - output));

/** Why a model was not asked. */
export interface PassedOver {
  model: string;
  why: 'class' | 'data_class' | 'language' | 'length' | 'context' | 'resting' | 'budget' | 'key' | 'failed';
}

/** The models that may be asked, in order, and why the others may not. */
export interface Choice {
  models: Model[];
  passed: PassedOver[];
}

/**
 * Chooses models for one question. What is of a class above the highest of an endpoint is never sent there, also not
 * because another endpoint is away.
 * @param models those of the task, the first choice first
 * @param isResting whether a model's circuit breaker keeps it from being asked
 */
export function choose(models: readonly Model[], need: Need, isResting: (model: Model) => boolean): Choice {
  const choice: Choice = { models: [], passed: [] };
  for (const model of models) {
    const why = whyNot(model, need, isResting);
    if (why === null) choice.models.push(model);
    else choice.passed.push({ model: model.name, why });
  }
  return choice;
}

function whyNot(model: Model, need: Need, isResting: (model: Model) => boolean): PassedOver['why'] | null {
  if (!isOfClass(model, need.modelClass)) return 'class';
  if (rank(need.dataClass) > rank(model.at.highest)) return 'data_class';
  const { languages, upTo } = model.when ?? {};
  if (languages && (need.language === null || !languages.includes(need.language))) return 'language';
  if (upTo !== undefined && need.tokens > upTo) return 'length';
  if (need.tokens + model.output > model.context) return 'context';
  return isResting(model) ? 'resting' : null;
}

const rank = (name: DataClass): number => dataClasses.indexOf(name);

/** The highest of these classes. */
export const highestOf = (classes: readonly DataClass[]): DataClass =>
  classes.reduce<DataClass>((high, one) => (rank(one) > rank(high) ? one : high), 'public');
