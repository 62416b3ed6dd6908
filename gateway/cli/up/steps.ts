import { styleText } from 'node:util';

/** Tells a person what happens: one line a step, with its duration. */
export interface Reporter {
  /** Runs `work` as a named step. `hint` is shown at once where the step may take long. */
  step<T>(title: string, work: (note: (text: string) => void) => Promise<T>, hint?: string): Promise<T>;
  say(text: string): void;
  warn(text: string): void;
}

const patienceMs = 10_000;

/** Writes to the terminal; colour only on a TTY without `NO_COLOR`. */
export function terminalReporter(stream: NodeJS.WriteStream = process.stdout): Reporter {
  const colour = stream.isTTY && !process.env.NO_COLOR;
  const paint = (style: 'green' | 'red' | 'yellow' | 'dim', text: string): string =>
    colour ? styleText(style, text, { validateStream: false }) : text;
  const line = (text: string): void => {
    stream.write(`${text}\n`);
  };
  return {
    async step(title, work, hint) {
      const begun = performance.now();
      const seconds = (): string => `${((performance.now() - begun) / 1000).toFixed(1)} s`;
      const note = (text: string): void => line(`  ${paint('dim', '...')}   ${text}, ${seconds()} so far`);
      if (hint) line(`  ${paint('dim', '...')}   ${title}: ${hint}`);
      // A step that was thought short and is not must not look like one that hangs.
      const timer = hint ? undefined : setInterval(() => note(`${title} still runs`), patienceMs);
      try {
        const result = await work(note);
        line(`  ${paint('green', 'ok')}    ${title.padEnd(58)} ${seconds().padStart(8)}`);
        return result;
      } catch (error) {
        line(`  ${paint('red', 'fail')}  ${title.padEnd(58)} ${seconds().padStart(8)}`);
        throw error;
      } finally {
        clearInterval(timer);
      }
    },
    say: line,
    warn: (text) => line(`  ${paint('yellow', 'note')}  ${text}`),
  };
}

/** Says nothing; what fails still throws. */
export const silentReporter: Reporter = {
  step: (_title, work) => work(() => undefined),
  say: () => undefined,
  warn: () => undefined,
};
