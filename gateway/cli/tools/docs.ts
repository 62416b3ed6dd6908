import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { loadCatalogue, toolIndex, toolPage, type Tool } from '../../catalogue/index.ts';
import { readApprovalClasses, type ApprovalClass } from '../../policy/index.ts';
import { commandSettings } from '../settings.ts';

/** `gatehouse tools docs`: a Markdown page for each tool and an index of them. */
export function docsCommand(): Command {
  return new Command('docs')
    .description('write a Markdown page for each tool, and an index')
    .option('--out <folder>', 'where to write them', 'tool-pages')
    .action(async (options: { out: string }) => {
      const { policiesDir } = commandSettings({ database: false });
      const tools = loadCatalogue(policiesDir).list();
      const classes = await readApprovalClasses(policiesDir);
      const out = resolve(options.out);
      await mkdir(out, { recursive: true });
      for (const tool of tools) {
        await writeFile(join(out, `${tool.name}.md`), toolPage(tool, asked(tool, classes.get(tool.risk))));
      }
      await writeFile(join(out, 'README.md'), toolIndex(tools));
      process.stdout.write(`Wrote ${tools.length} pages and an index to ${out}.\n`);
    });
}

/** Who is asked by the shipped rules; a rule of one's own may ask for more. */
function asked({ risk }: Pick<Tool, 'risk'>, entry: ApprovalClass | undefined): string {
  if (risk === 'read') return 'Nobody: members may read.';
  if (risk === 'write') return 'The requester confirms it where a value that decides did not come from them.';
  if (!entry || entry.groups.length === 0)
    return 'Nobody is named who could approve it, so that it is denied.';
  const people = (count: number): string => (count === 1 ? 'one person' : `${count} different people`);
  const steps = entry.from.map(({ currency, amount, quorum }) => {
    const sum = `${Math.trunc(amount / 100)}.${String(amount % 100).padStart(2, '0')}`;
    return `, ${people(quorum)} from ${sum} ${currency} on`;
  });
  return `It needs ${people(entry.quorum)} of ${entry.groups.join(', ')} other than the requester${steps.join('')}.`;
}
