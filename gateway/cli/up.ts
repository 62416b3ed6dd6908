import { Command } from 'commander';
import { printJson } from './output.ts';
import { defaultDir, startStack, terminalReporter, type Stack } from './up/index.ts';

/** `gatehouse up`: Postgres, the gateway and n8n on this machine, until Ctrl-C. */
export function upCommand(): Command {
  return new Command('up')
    .description(
      'start Postgres, the gateway and n8n on this machine (what npm start runs); Ctrl-C stops them',
    )
    .option('--dir <folder>', 'where everything that is written lies', defaultDir())
    .option('--json', 'print the addresses as one JSON object when ready; progress goes to stderr')
    .addHelpText('after', portsHelp)
    .action(async (options: { dir: string; json?: boolean }) => {
      await runUp(options.dir, options.json === true);
    });
}

const portsHelp = `
Ports, each moved by a setting:
  GATEHOUSE_PUBLIC_PORT (8080)       GATEHOUSE_INTERNAL_PORT (8081)
  GATEHOUSE_UP_N8N_PORT (5678)       GATEHOUSE_UP_N8N_BROKER_PORT (5679)
  GATEHOUSE_UP_POSTGRES_PORT (5439)  GATEHOUSE_UP_RUNNER_PORT (8082)
GATEHOUSE_UP_DIR is the setting for --dir.`;

async function runUp(dir: string, json: boolean): Promise<void> {
  const report = terminalReporter(json ? process.stderr : process.stdout);
  const begun = performance.now();
  let end: (code: number) => void = () => undefined;
  const ended = new Promise<number>((resolve) => (end = resolve));
  const abort = new AbortController();
  const asked = (): void => {
    // A terminal's Ctrl-C arrives here directly and again through npm: the second is the same wish.
    abort.abort();
    end(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, asked);
  // A closed terminal takes no words any more, and what was started must still be stopped in order.
  for (const stream of [process.stdout, process.stderr])
    stream.removeAllListeners('error').on('error', asked);
  if (process.channel) {
    process.once('disconnect', asked);
    process.channel.unref();
  }
  report.say('Gatehouse');
  const stack = await startStack({ dir, report, signal: abort.signal, gaveUp: () => end(1) }).catch(
    (error: unknown) => {
      if (abort.signal.aborted) return undefined;
      throw error;
    },
  );
  if (!stack) {
    report.say('Stopped before everything had started.');
    process.exit(130);
  }
  if (json) printJson(addresses(stack));
  else report.say(welcome(stack, (performance.now() - begun) / 1000));
  // Only the event loop's handles keep a process alive, and a promise is none.
  const heartbeat = setInterval(() => undefined, 60_000);
  const code = await ended;
  clearInterval(heartbeat);
  report.say('\nStopping n8n, the gateway and Postgres');
  await report.step('Stopped', () => stack.stop());
  process.exit(code);
}

function addresses(stack: Stack): object {
  const { urls, links, ports, owner } = stack;
  return { urls, links, ports, n8nOwner: { email: owner.email, file: owner.file } };
}

function welcome({ urls, links, owner }: Stack, seconds: number): string {
  return `
Ready after ${seconds.toFixed(1)} s

  Chat       ${urls.chat}
  Approvals  ${urls.approvals}
  Receipts   ${urls.receipts}
  n8n        ${urls.n8n}  (login ${owner.email}, password in ${owner.file})

Sign in as one of the demo accounts, each in a window of its own:
  requester   ${links.requester}
  approver-a  ${links['approver-a']}
  approver-b  ${links['approver-b']}
  admin       ${links.admin}

Try in the chat: /balance, /pay 120 EUR ACME invoice-42, /help
Ctrl-C stops everything.`;
}
