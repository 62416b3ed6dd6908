import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { createLogger, GatehouseError } from '../config/index.ts';
import { startRunner } from '../sandbox/index.ts';

/** `gatehouse runner`: runs code in containers for the gateway; the one process that may talk to Docker. */
export function runnerCommand(): Command {
  return new Command('runner')
    .description(
      'run code in hardened, single-use containers for the gateway; needs Docker, and nothing else',
    )
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <number>', 'where to listen', readPort, 8082)
    .option(
      '--image <name>',
      'image of the containers; needs sh, and node or python3 for those languages',
      'debian:bookworm-slim',
    )
    .option('--parallel <number>', 'runs at once', readCount, 2)
    .addHelpText('after', tokenHelp)
    .action(async (options: { host: string; port: number; image: string; parallel: number }) => {
      const log = createLogger('info', 'runner');
      const runner = await startRunner({ ...options, token: readToken(process.env), log });
      log.info({ url: runner.url, image: options.image }, 'the runner is up');
      await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
      await runner.stop();
      process.exit(0);
    });
}

const tokenHelp = `
The token that the gateway presents comes from GATEHOUSE_RUNNER_TOKEN or the file in GATEHOUSE_RUNNER_TOKEN_FILE.
The gateway has the same in its secret store (gatehouse secret set runner/token) and the address in
GATEHOUSE_RUNNER_URL. Docker is found as the docker command finds it, by DOCKER_HOST or its socket.`;

function readToken(environment: NodeJS.ProcessEnv): string {
  const { GATEHOUSE_RUNNER_TOKEN: token, GATEHOUSE_RUNNER_TOKEN_FILE: file } = environment;
  if (token) return token;
  if (!file) return '';
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new GatehouseError('GH-SANDBOX-005', `GATEHOUSE_RUNNER_TOKEN_FILE: ${file} cannot be read.`, {
      cause: error,
    });
  }
}

function readPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new InvalidArgumentError('Not a port.');
  return port;
}

function readCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 64)
    throw new InvalidArgumentError('Not a number from 1 to 64.');
  return count;
}
