import { GatehouseError } from '../config/index.ts';

/** Exit codes of every command. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, conflict: 3 } as const;

/** Writes data for a machine: one JSON document. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Text of a line or cell: what strangers named themselves must neither drive the terminal nor look like another row. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (mark) => `\\u{${mark.codePointAt(0)?.toString(16)}}`);
}

/**
 * Writes rows as a table that fits 80 columns as long as its values do.
 * @param empty what to say when there are no rows
 */
export function printTable(headers: string[], rows: string[][], empty: string): void {
  if (rows.length === 0) {
    process.stdout.write(`${empty}\n`);
    return;
  }
  const shown = rows.map((row) => row.map(plain));
  const widths = headers.map((header, index) =>
    Math.max(header.length, ...shown.map((row) => (row[index] ?? '').length)),
  );
  for (const row of [headers, ...shown]) {
    const cells = row.map((cell, index) =>
      index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0),
    );
    process.stdout.write(`${cells.join('  ')}\n`);
  }
}

/**
 * Says on stderr what went wrong and what to do next.
 * @returns the exit code
 */
export function printError(error: unknown): number {
  if (error instanceof GatehouseError) {
    process.stderr.write(`${error.message}\n${error.next ? `${error.next}\n` : ''}(${error.code})\n`);
    return error.status === 409 ? exitCodes.conflict : exitCodes.failed;
  }
  const told = ofTheSystem(error);
  if (told) {
    process.stderr.write(told);
    return exitCodes.failed;
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return exitCodes.failed;
}

/** What a full or closed disk means, in words; nothing in it is a fault of the program. */
function ofTheSystem(error: unknown): string | undefined {
  const { code, path, syscall, message } = error as Partial<NodeJS.ErrnoException>;
  const where = path ?? 'A file';
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `${path ? `${path} cannot be written: the` : 'The'} disk is full.\nFree some space, then start again.\n(${code})\n`;
    case 'EROFS':
      return `${where} cannot be written: the disk is read-only.\nUse a folder that can be written, or name one with GATEHOUSE_UP_DIR.\n(EROFS)\n`;
    case 'EACCES':
    case 'EPERM':
      return `${where} cannot be read or written by this user.\nCorrect its owner and mode, or name another folder with GATEHOUSE_UP_DIR.\n(${code})\n`;
    case 'ENOENT':
      // Node reports a read-only disk like this where it makes a whole path.
      if (syscall !== 'mkdir') return undefined;
      return `${where} cannot be made: the disk may be read-only.\nUse a folder that can be written, or name one with GATEHOUSE_UP_DIR.\n(ENOENT)\n`;
    default:
      if (syscall === undefined || path === undefined) return undefined;
      return `${path} cannot be used: ${message}.\nName another folder, or move what is there.\n(${code})\n`;
  }
}
