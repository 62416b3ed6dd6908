import type { Names } from '../../../../gateway/egress/index.ts';
import type { Tool } from '../../../../gateway/catalogue/index.ts';
import { createMailConnector } from '../../../../gateway/tools/connectors/mail/index.ts';
import type { FileFolders } from '../../../../gateway/tools/connectors/files/index.ts';
import type { Outcome } from '../../../../gateway/tools/types.ts';
import { callOf, shippedTool } from '../files/support.ts';
import { login, type MailServer } from './server.ts';

type Smtp = Extract<Tool['connector'], { kind: 'smtp' }>;

/** Every name leads to this machine. */
export const here: Names = ((_host: string, _options: unknown, done: (error: null, found: unknown) => void) =>
  done(null, [{ address: '127.0.0.1', family: 4 }])) as never;

export const noFiles: FileFolders = { filesDir: undefined, reserved: [] };
export const secret = `${login.user}:${login.password}`;
export const listSecret = JSON.stringify({ ...login, unsubscribeKey: 'a key of sixteen or more' });

/** A shipped mail tool whose server is the one of the test. */
export function toolAt(server: MailServer, name = 'mail.send', change: Partial<Smtp> = {}): Tool {
  const tool = shippedTool(name);
  const { port, certificate } = server;
  return {
    ...tool,
    connector: {
      ...(tool.connector as Smtp),
      port,
      certificate,
      privateNetworks: ['127.0.0.0/8'],
      ...change,
    },
  };
}

export const letter = {
  to: ['ann@example.org'],
  subject: 'Your invoice',
  text: 'It is attached.\n.\nGreetings',
};

export const send = (
  tool: Tool,
  args: Record<string, unknown>,
  options: { attempt?: string; secret?: string; files?: FileFolders; names?: Names } = {},
): Promise<Outcome> =>
  createMailConnector(options.files ?? noFiles, options.names ?? here).run(
    callOf(tool, args, options.attempt ?? 'att_0199-a', options.secret ?? secret),
  );
