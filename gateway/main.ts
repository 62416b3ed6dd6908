import { createLogger, GatehouseError, loadSettings } from './config/index.ts';
import { startGateway } from './compose.ts';

/** The gateway's process: starts, waits for a signal, stops in order. Exit code 2 means "mend the settings". */
async function main(): Promise<void> {
  const settings = loadSettings(process.env);
  const log = createLogger(settings.logLevel);
  const gateway = await startGateway(settings, log);
  log.info({ public: settings.publicUrl, internal: settings.internalUrl }, 'the gateway is up');
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    gateway.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

main().catch((error: unknown) => {
  if (error instanceof GatehouseError) {
    process.stderr.write(`${error.code}: ${error.message}\n${error.next ? `Next: ${error.next}\n` : ''}`);
    process.exit(2);
  }
  process.stderr.write(
    `The gateway could not start: ${error instanceof Error ? (error.stack ?? '') : String(error)}\n`,
  );
  process.exit(1);
});
