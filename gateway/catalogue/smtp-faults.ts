import type { FoundFault } from './faults.ts';
import type { ToolFile } from './schema.ts';

/** What is wrong with a mail tool between its fields. */
export function smtpFaults({ connector, args, kinds, risk, secret, idempotencyKey }: ToolFile): FoundFault[] {
  if (connector.kind !== 'smtp') return [];
  const faults: FoundFault[] = [];
  const fault = (where: string[], fault: string, remedy: string): void =>
    void faults.push({ where, fault, remedy });
  for (const name of ['to', 'subject', 'text'])
    if (!args.required.includes(name))
      fault(['args', 'required'], `mail needs the argument \`${name}\``, `Declare ${name} and require it.`);
  for (const name of Object.keys(args.properties))
    if (!['to', 'subject', 'text', 'attachments'].includes(name))
      fault(
        ['args', 'properties', name],
        'mail makes nothing of it',
        'Its arguments are to, subject, text, attachments.',
      );
  if (args.properties.to && args.properties.to.type !== 'array')
    fault(
      ['args', 'properties', 'to'],
      'is no list',
      'Write to: { type: array, items: { type: string, maxLength: 254 } }.',
    );
  if (kinds.to !== undefined && kinds.to !== 'redirects')
    fault(['kinds', 'to'], 'says where it goes', 'Write to: redirects, so that recipients are counted.');
  if (risk !== 'outbound') fault(['risk'], 'mail leaves the house', 'Write risk: outbound.');
  if (idempotencyKey !== 'none')
    fault(['idempotencyKey'], 'a mail server takes one mail twice', 'Write idempotencyKey: none.');
  if (!secret)
    faults.push({
      where: ['connector'],
      field: 'secret',
      fault: 'name the secret that holds the login of the mail server',
      remedy: 'Write secret: mail/smtp, and set it with gatehouse secret set.',
    });
  return faults;
}
