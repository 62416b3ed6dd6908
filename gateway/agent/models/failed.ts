/** Why a model gave no answer; none of it quotes what was sent or what came back. */
export type ModelFault =
  'unreachable' | 'late' | 'busy' | 'refused' | 'key' | 'too_long' | 'malformed' | 'resting' | 'stopped';

/** A question that a model did not answer. */
export class ModelFailed extends Error {
  readonly fault: ModelFault;
  /** Whether it says that the model is away, rather than that it says no. */
  readonly outage: boolean;
  /** Whether nothing was worked on, so that nothing can have been paid. */
  readonly unpaid: boolean;

  constructor(
    fault: ModelFault,
    { outage = false, unpaid = false }: { outage?: boolean; unpaid?: boolean } = {},
  ) {
    super(`the model gave no answer: ${fault}`);
    this.name = 'ModelFailed';
    this.fault = fault;
    this.outage = outage;
    this.unpaid = unpaid;
  }
}
