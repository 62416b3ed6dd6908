import { once } from 'node:events';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { createLogger } from '../config/index.ts';
import { serveModel } from '../inference/index.ts';
import { settingOrFile } from './setting-or-file.ts';
import { installLlama, llamaInstalled, terminalReporter } from './up/index.ts';

/** `gatehouse models`: language models that run on this machine. */
export function modelsCommand(): Command {
  return new Command('models').description('language models that run on this machine').addCommand(serve());
}

function serve(): Command {
  return new Command('serve')
    .description("serve a model on this machine's CPU with OpenAI's API, to this machine alone")
    .argument('<file>', 'a model in the GGUF format')
    .option('--port <number>', 'where to listen on 127.0.0.1', whole(0, 65_535), 8089)
    .option('--threads <number>', 'threads of the CPU; all of them when left out', whole(1, 1024))
    .option('--context <tokens>', 'tokens of prompt and answer together', whole(256, 1_048_576))
    .option('--queue <number>', 'questions that may wait for the one under way', whole(0, 1024), 16)
    .option('--embeddings', 'also answer POST /v1/embeddings')
    .addHelpText('after', help)
    .action(async (file: string, options: Options) => {
      const key = settingOrFile('GATEHOUSE_MODELS_KEY');
      const report = terminalReporter();
      const hint = llamaInstalled() ? undefined : 'about 120 MB by its lockfile, once for this user';
      const library = await report.step('node-llama-cpp installed', (note) => installLlama(note), hint);
      const log = createLogger('info', 'models');
      const server = await report.step('Model loaded', () =>
        serveModel({ ...options, file: resolve(file), library, key, log }),
      );
      const { url, model, context } = server;
      report.say(`\n${model} answers at ${url}, with ${context} tokens of context.`);
      await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
      await server.stop();
      process.exit(0);
    });
}

interface Options {
  port: number;
  threads?: number;
  context?: number;
  queue: number;
  embeddings?: true;
}

const help = `
The first start installs node-llama-cpp by its lockfile (docker/models) into the user's cache.
--context is 8192 when left out, or what the model was trained with where that is less.
GATEHOUSE_MODELS_KEY, or the file in GATEHOUSE_MODELS_KEY_FILE, is a key that callers have to send; without it none is asked for.
docs/agent.md shows the model in models.yaml.`;

const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Not a whole number from ${least} to ${most}.`);
  };
