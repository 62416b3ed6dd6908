import type { Secrets } from '../stores/open.ts';
import { commandRotator } from './command.ts';
import { cannotRotate, notTaken } from './failures.ts';
import type { Rotate } from './plan.ts';
import { postgresRotator } from './postgres.ts';
import type { InPlace, Rotator } from './rotator.ts';
import { webhookSigningRotator } from './webhook-signing.ts';

/** What rotates a secret, as secrets.yaml says. */
export function rotatorOf(
  name: string,
  { by }: Rotate,
  secrets: Pick<Secrets, 'get' | 'replace'>,
): Rotator | InPlace {
  switch (by.kind) {
    case 'postgres':
      return postgresRotator(async () => {
        const admin = await secrets.get(by.admin);
        if (admin !== undefined) return admin;
        throw cannotRotate(
          `The secret ${by.admin} is not set.`,
          `Set it to the URL of a role that may create roles: gatehouse secret set ${by.admin}.`,
        );
      });
    case 'webhook-signing':
      return webhookSigningRotator(by, name);
    case 'command':
      return commandRotator(by, name);
    case 'vault':
      return {
        async replace() {
          const before = await secrets.get(name);
          await secrets.replace(name);
          if ((await secrets.get(name)) === before) throw notTaken('the Vault gave the former one');
        },
      };
  }
}
