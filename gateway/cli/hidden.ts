import { text } from 'node:stream/consumers';
import { GatehouseError } from '../config/index.ts';

/** A value from stdin: asked for without showing it at a terminal, read whole from a pipe; never from an argument. */
export async function hiddenInput(question: string): Promise<string> {
  return process.stdin.isTTY ? ask(question) : (await text(process.stdin)).replace(/\r?\n$/, '');
}

function ask(question: string): Promise<string> {
  process.stderr.write(question);
  const { stdin } = process;
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  return new Promise((resolve, reject) => {
    let value = '';
    const finish = (): void => {
      stdin.setRawMode(false);
      stdin.pause();
      stdin.off('data', take);
      process.stderr.write('\n');
    };
    const take = (typed: string): void => {
      for (const key of typed) {
        if (key === '\r' || key === '\n') {
          finish();
          return resolve(value);
        }
        if (key === '\u0003') {
          finish();
          return reject(new GatehouseError('GH-CLI-003', 'Nothing was stored.', { next: 'Start again.' }));
        }
        value = key === '\u007f' ? value.slice(0, -1) : value + key;
      }
    };
    stdin.on('data', take);
  });
}
