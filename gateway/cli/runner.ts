import { once } from 'node:events';
import { Command, InvalidArgumentError } from 'commander';
import { createLogger } from '../config/index.ts';
import { defaultImages, Language, startRunner, type UidRange } from '../sandbox/index.ts';
import { settingOrFile } from './setting-or-file.ts';

/** `gatehouse runner`: runs code in containers for the gateway; the one process that may talk to Docker. */
export function runnerCommand(): Command {
  return new Command('runner')
    .description(
      'run code in hardened, single-use containers for the gateway; needs Docker, and nothing else',
    )
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <number>', 'where to listen', readPort, 8082)
    .option('--socket <path>', 'listen on a Unix socket of this user instead')
    .option(
      '--image <[language=]name>',
      'image of the containers, for one language (javascript, python, shell) or for all; repeat it',
      readImage,
      defaultImages,
    )
    .option('--runtime <name>', 'runtime of the Docker engine for the containers, such as runsc or kata')
    .option('--parallel <number>', 'runs at once', readCount, 2)
    .option('--warm <number>', 'containers that wait for a run, at most, for each language', readWarm, 4)
    .option('--uids <from-to>', 'user ids of the containers, one each (default: 60578-61183)', readUids)
    .option('--egress', 'let runs reach the hosts of their orders through the egress proxy')
    .addHelpText('after', tokenHelp)
    .action(async (options: Options) => {
      const log = createLogger('info', 'runner');
      const { host, port, socket, image, runtime, parallel, warm, uids, egress } = options;
      const runner = await startRunner({
        listen: socket === undefined ? { host, port } : { socket },
        token: settingOrFile('GATEHOUSE_RUNNER_TOKEN') ?? '',
        images: image,
        runtime,
        parallel,
        warmth: { max: warm, idleMs: 300_000 },
        uids,
        egress: egress ? {} : undefined,
        log,
      });
      log.info({ url: runner.url, images: image }, 'the runner is up');
      await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
      await runner.stop();
      process.exit(0);
    });
}

interface Options {
  host: string;
  port: number;
  socket?: string;
  image: Record<Language, string>;
  runtime?: string;
  parallel: number;
  warm: number;
  uids?: UidRange;
  egress?: true;
}

const tokenHelp = `
The token that the gateway signs its orders with comes from GATEHOUSE_RUNNER_TOKEN or the file in GATEHOUSE_RUNNER_TOKEN_FILE.
The gateway has the same in its secret store (gatehouse secret set runner/token) and the address in
GATEHOUSE_RUNNER_URL (unix:/path/of/the.sock for a socket). Docker is found as the docker command finds it, by DOCKER_HOST or its socket.`;

function readPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new InvalidArgumentError('Not a port.');
  return port;
}

function readImage(text: string, images: Record<Language, string>): Record<Language, string> {
  const [, language, name] = /^(?:([a-z]+)=)?(\S+)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('Not an image.');
  if (language === undefined) return { javascript: name, python: name, shell: name };
  if (!Language.safeParse(language).success) throw new InvalidArgumentError(`No language ${language}.`);
  return { ...images, [language]: name };
}

function readWarm(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 0 || count > 64)
    throw new InvalidArgumentError('Not a number from 0 to 64.');
  return count;
}

function readUids(text: string): UidRange {
  const [, from, to] = (/^(\d{1,10})-(\d{1,10})$/.exec(text) ?? []).map(Number);
  if (
    from === undefined ||
    to === undefined ||
    from < 1 ||
    to < from ||
    to - from > 65_535 ||
    to > 4_294_967_294
  )
    throw new InvalidArgumentError('Not a range of up to 65536 user ids, such as 60578-61183, without root.');
  return { from, to };
}

function readCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 64)
    throw new InvalidArgumentError('Not a number from 1 to 64.');
  return count;
}
