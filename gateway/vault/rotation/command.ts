import type { By } from './plan.ts';
import { hookFailed, notTaken } from './failures.ts';
import { runHook } from './hook.ts';
import type { Rotator } from './rotator.ts';

/**
 * Programs of the operator: one makes the next value and leaves the former one good, others prove and end them.
 * @param secret its name, which the programs are told
 */
export function commandRotator(by: Extract<By, { kind: 'command' }>, secret: string): Rotator {
  const { make, prove, retire, output, seconds } = by;
  const run = (command: readonly string[], input: string): Promise<string> =>
    runHook(command, { secret, input, seconds });
  return {
    async make(current) {
      const text = (await run(make, current)).replace(/\r?\n$/, '');
      if (text === '') throw hookFailed(`The program ${make[0]} printed nothing.`);
      if (output === 'line' && /[\r\n]/.test(text))
        throw hookFailed(`The program ${make[0]} printed more than one line (output: text allows it).`);
      if (text.includes('\0')) throw hookFailed(`The program ${make[0]} printed what is no text.`);
      return text;
    },
    async prove(next) {
      if (prove)
        await run(prove, next).catch(() => {
          throw notTaken(`${prove[0]} refused it`);
        });
    },
    async retire({ former }) {
      if (retire && former !== undefined) await run(retire, former);
      return undefined;
    },
  };
}
