import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { Command } from 'commander';
import { exportReceipts, readHeads, splitLines, verifyExport, type Verification } from '../audit/index.ts';
import { GatehouseError } from '../config/index.ts';
import { exitCodes, printJson } from './output.ts';
import { commandSettings, withPool } from './settings.ts';

/** `gatehouse audit export|verify`: the receipts as a file, and the proof that nothing in it was changed. */
export function auditCommand(): Command {
  const command = new Command('audit').description('the receipts: export them, and verify an export offline');
  command
    .command('export')
    .description('write all receipts with the heads of their chain as JSON Lines')
    .option('--out <file>', 'the file to write; it must not exist (default: standard output)')
    .action(async (options: { out?: string }) => {
      const settings = commandSettings({ database: true });
      const headsFile = join(settings.dataDir, 'receipt-heads.jsonl');
      const out = options.out === undefined ? process.stdout : await createFile(options.out);
      const summary = await withPool(settings, (pool) =>
        exportReceipts(
          pool,
          async (line) => {
            if (!out.write(`${line}\n`)) await once(out, 'drain');
          },
          headsFile,
        ),
      );
      if (out !== process.stdout) {
        out.end();
        await finished(out);
      }
      const { receipts, unsealed, heads } = summary;
      process.stderr.write(
        `Exported ${receipts} sealed receipts, ${unsealed} not sealed yet, ${heads} heads.\n`,
      );
      if (options.out !== undefined)
        process.stderr.write(`Verify with: gatehouse audit verify ${options.out}\n`);
    });
  command
    .command('verify <file>')
    .description(
      'prove an export without a database; exit code 1 when anything was changed, taken out or moved',
    )
    .option('--heads <file>', 'the heads kept outside Postgres (receipt-heads.jsonl, or a copy of it)')
    .option('--json', 'print the findings as JSON')
    .action(async (file: string, options: { heads?: string; json?: boolean }) => {
      const heads = options.heads === undefined ? [] : await headsOf(options.heads);
      const found = await verifyExport(splitLines(createReadStream(file)), heads).catch((error: unknown) => {
        throw unreadable(file, error);
      });
      if (options.json) printJson(found);
      else process.stdout.write(report(found, options.heads !== undefined));
      if (!found.ok) process.exitCode = exitCodes.failed;
    });
  return command;
}

const shown = 20;

function report(found: Verification, withHeads: boolean): string {
  const lines = found.problems.slice(0, shown).map((problem) => `${problem.kind}: ${problem.text}`);
  if (found.problems.length > shown)
    lines.push(`and ${found.problems.length - shown} more; --json lists all`);
  lines.push(
    found.ok
      ? `Verified: ${found.receipts} receipts, each unchanged and in its place.`
      : `NOT VERIFIED: problems found: ${found.problems.length}, receipts looked at: ${found.receipts}.`,
  );
  if (found.head) lines.push(`Head: ${found.head.position} ${found.head.hash}`);
  lines.push(`Heads agreed with: ${found.headsMatched}; sealed after this export: ${found.headsNewer}.`);
  if (found.unsealed > 0) lines.push(`Not sealed yet, so not proven: the last ${found.unsealed} receipts.`);
  if (!withHeads) {
    lines.push(
      'The heads compared are those of the export itself; give --heads FILE to compare with a second witness.',
    );
  }
  return `${lines.join('\n')}\n`;
}

async function headsOf(file: string): ReturnType<typeof readHeads> {
  const heads = await readHeads(file);
  if (heads.length > 0) return heads;
  throw new GatehouseError('GH-AUDIT-004', `There are no heads in ${file}.`, {
    next: 'Name the receipt-heads.jsonl of the gateway, or a copy of it.',
  });
}

async function createFile(
  path: string,
): Promise<NodeJS.WritableStream & ReturnType<typeof createWriteStream>> {
  // Never over an earlier export: that one may be the evidence.
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  try {
    await once(file, 'open');
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new GatehouseError('GH-AUDIT-005', `${path} ${exists ? 'exists already' : 'cannot be written'}.`, {
      status: exists ? 409 : 500,
      next: 'Name another file with --out.',
      cause: error,
    });
  }
  return file;
}

function unreadable(file: string, error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code === undefined) return error;
  return new GatehouseError('GH-AUDIT-006', `${file} cannot be read.`, {
    next: 'Name a file that gatehouse audit export wrote.',
  });
}
