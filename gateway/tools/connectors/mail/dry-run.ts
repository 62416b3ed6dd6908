import { GatehouseError } from '../../../config/index.ts';
import type { DryRun } from '../../types.ts';
import { fact } from '../fact.ts';
import { readPinned, type FileFolders } from '../files/index.ts';
import { shownDomain } from './address.ts';
import { headerText } from './message.ts';
import { recipientsOf, type MailArgs } from './recipients.ts';

const mostDomains = 20;

/** Shows to whom a mail goes, at which domains, and what is attached; nothing is connected to. */
export function createMailDryRun(folders: FileFolders): DryRun {
  return {
    async run({ tool, args: given }) {
      const { connector } = tool;
      if (connector.kind !== 'smtp')
        throw new GatehouseError('GH-TOOLS-001', 'The tool has another connector.');
      const args = given as unknown as MailArgs;
      headerText('subject', args.subject);
      const recipients = recipientsOf(connector, args);
      const domains = Map.groupBy(recipients, ({ domain }) => domain);
      const shown = [...domains].slice(0, mostDomains);
      const facts = [
        fact('from', 'From', connector.from.address),
        fact('recipients', 'Recipients', String(recipients.length)),
        ...shown.map(([domain, list]) =>
          fact(
            `at ${domain}`,
            'At',
            `${shownDomain(domain)}: ${list.length > 3 ? list.length : list.map(({ address }) => address.slice(0, address.lastIndexOf('@'))).join(', ')}`,
          ),
        ),
        ...(domains.size > mostDomains
          ? [fact('more', 'At', `${domains.size - mostDomains} more domains`)]
          : []),
      ];
      for (const file of args.attachments ?? []) {
        const { length } = await readPinned(folders, connector.root, file, connector.maxAttachmentBytes);
        facts.push(fact(`file ${file.path}`, 'Attached', `${file.path}, ${length} bytes`));
      }
      return { facts };
    },
  };
}
