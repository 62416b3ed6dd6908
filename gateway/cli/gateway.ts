import { Command } from 'commander';

/** `gatehouse gateway`: the gateway alone, for a Postgres and an n8n of one's own. */
export function gatewayCommand(): Command {
  return new Command('gateway')
    .description(
      'run the gateway alone, with your own Postgres and n8n (GATEHOUSE_DATABASE_URL, GATEHOUSE_N8N_URL)',
    )
    .action(async () => {
      await import('../main.ts');
    });
}
