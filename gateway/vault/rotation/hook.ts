import { spawn } from 'node:child_process';
import { hookFailed } from './failures.ts';

/** Longer than any secret. */
const mostBytes = 64 * 1024;

/**
 * Runs a program of the operator. A secret reaches it on stdin only, never as an argument or a variable; what it says on
 * stderr goes nowhere, because it may quote the secret.
 * @param command absolute path and arguments; no shell is between
 * @param secret name of the secret, which the program finds in GATEHOUSE_SECRET
 * @returns what it printed
 * @throws GatehouseError `GH-VAULT-027` for a program that fails, is late or prints too much
 */
export function runHook(
  command: readonly string[],
  { secret, input, seconds }: { secret: string; input: string; seconds: number },
): Promise<string> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: '/',
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', GATEHOUSE_SECRET: secret },
      stdio: ['pipe', 'pipe', 'ignore'],
      // A group of its own, so that what it started ends with it.
      detached: true,
    });
    const parts: Buffer[] = [];
    let bytes = 0;
    let why: string | undefined;
    const end = (reason: string): void => {
      why ??= reason;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It is gone.
      }
      child.stdout.destroy();
    };
    const timer = setTimeout(() => end(`did not end within ${seconds} seconds`), seconds * 1000);
    child.stdout.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > mostBytes) end(`printed more than ${mostBytes} bytes`);
      else parts.push(part);
    });
    child.on('error', () => (why ??= 'could not be started'));
    child.on('close', (code) => {
      clearTimeout(timer);
      if (child.pid === undefined) why ??= 'could not be started';
      else if (code !== 0) why ??= `ended with ${code ?? 'a signal'}`;
      const whole = Buffer.concat(parts);
      const text = whole.toString('utf8');
      for (const part of [...parts, whole]) part.fill(0);
      if (why === undefined) resolve(text);
      else reject(hookFailed(`The program ${program} ${why}.`));
    });
    // One that does not read its input closes it.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
