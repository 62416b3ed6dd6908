import { createInterface } from 'node:readline/promises';
import { GatehouseError } from '../../config/index.ts';
import { findOpa, installOpa, opaVersion } from '../../policy/index.ts';

/** How a command gets its OPA. */
export interface OpaChoice {
  opa?: string;
  install?: boolean;
}

/** What `--install` means, for the help of each command that has it. */
export const installHelp = `build OPA ${opaVersion} with Go where it is missing, without being asked`;

/**
 * The OPA that was named, or that is here, or that whoever sits at the terminal lets Go build.
 * @throws GatehouseError `GH-CLI-005` where there is none and nobody said yes
 */
export async function opaProgram(choice: OpaChoice): Promise<string> {
  const found = choice.opa ?? (await findOpa());
  if (found !== undefined) return found;
  if (!choice.install && !(await agreed())) {
    throw new GatehouseError('GH-CLI-005', `There is no OPA ${opaVersion} here.`, {
      next: `Run this again with --install, or download it from openpolicyagent.org, check its checksum, and name it with --opa.`,
    });
  }
  process.stderr.write(`Building OPA ${opaVersion} with Go: about 2 minutes, once.\n`);
  return installOpa();
}

async function agreed(): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await asking.question(
    `There is no OPA ${opaVersion} here. Let Go load its source, check it against the checksum that Gatehouse holds, and build it? [y/N] `,
  );
  asking.close();
  return /^y(es)?$/i.test(answer.trim());
}
