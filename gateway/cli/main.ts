import { CommanderError } from 'commander';
import { exitCodes, printError } from './output.ts';
import { createProgram } from './program.ts';
import { bypassProxyOnLoopback } from './up/index.ts';

bypassProxyOnLoopback(process.env);

// A reader that has seen enough, such as head, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

try {
  await createProgram().parseAsync();
} catch (error) {
  // Commander has already said what is wrong; help and version count as done.
  process.exitCode =
    error instanceof CommanderError
      ? error.exitCode === 0
        ? exitCodes.ok
        : exitCodes.usage
      : printError(error);
}
