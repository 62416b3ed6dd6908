import type { HostEntry } from './http.ts';

/** How a host that many customers share is bound to one of them. */
type Binding =
  /** The path names the owner; `:word` stands for one segment that does. `reads` are safe as long as they are only read. */
  | { by: 'path'; shapes: string[]; reads?: string[] }
  /** Only the token says whose account is meant, and the host takes it from `authorization` alone. */
  | { by: 'secret' }
  /** A call can carry another account's token past every check, or names its target in the body. */
  | { by: 'nothing'; instead: string };

const path = (...shapes: string[]): Binding => ({ by: 'path', shapes });
const secret: Binding = { by: 'secret' };
const nothing = (instead: string): Binding => ({ by: 'nothing', instead });

const ownTool = 'Reach it through a service of your own that fixes the account.';

/** Hosts by name; a name that begins with a dot stands for all below it. The longest name that fits decides. */
const bindings = new Map<string, Binding>([
  // Code
  [
    'api.github.com',
    {
      by: 'path',
      shapes: ['/repos/:owner', '/orgs/:organisation'],
      reads: ['/search/issues', '/search/code'],
    },
  ],
  ['uploads.github.com', path('/repos/:owner')],
  ['.github.com', path('/:owner')],
  ['github.com', path('/:owner')],
  ['.githubusercontent.com', path('/:owner')],
  ['ghcr.io', path('/v2/:owner')],
  ['gitlab.com', path('/api/v4/projects/:project', '/api/v4/groups/:group')],
  ['api.bitbucket.org', path('/2.0/repositories/:workspace', '/2.0/workspaces/:workspace')],
  ['bitbucket.org', path('/:workspace')],
  // Chat and mail
  ['hooks.slack.com', path('/services/:workspace/:channel', '/triggers/:workspace', '/workflows/:workspace')],
  ['.slack.com', nothing('Use hooks.slack.com with /services/<workspace>/<channel>/, or the Slack channel.')],
  ['slack.com', nothing('Use hooks.slack.com with /services/<workspace>/<channel>/, or the Slack channel.')],
  ['api.telegram.org', nothing('The bot’s token stands in the path; use the Telegram channel.')],
  ['discord.com', path('/api/webhooks/:webhook', '/api/v10/webhooks/:webhook', '/api/v10/guilds/:server')],
  ['discordapp.com', path('/api/webhooks/:webhook')],
  ['api.mailgun.net', path('/v3/:domain')],
  ['api.eu.mailgun.net', path('/v3/:domain')],
  ['api.sendgrid.com', secret],
  ['api.twilio.com', path('/2010-04-01/Accounts/:account')],
  ['graph.facebook.com', path('/:version/:id')],
  ['graph.instagram.com', path('/:version/:id')],
  // Money and models
  ['api.stripe.com', secret],
  ['api.openai.com', secret],
  // Documents and tasks
  ['api.notion.com', path('/v1/pages/:page', '/v1/databases/:database', '/v1/blocks/:block')],
  ['api.airtable.com', path('/v0/:base')],
  ['api.trello.com', path('/1/boards/:board', '/1/lists/:list', '/1/cards/:card')],
  ['api.atlassian.com', path('/ex/jira/:site', '/ex/confluence/:site')],
  ['api.linear.app', secret],
  ['api.hubapi.com', secret],
  ['app.asana.com', path('/api/1.0/workspaces/:workspace', '/api/1.0/projects/:project')],
  ['.dropboxapi.com', nothing(ownTool)],
  // Microsoft
  [
    'graph.microsoft.com',
    path(
      ...['v1.0', 'beta'].flatMap((version) =>
        ['users', 'groups', 'sites', 'teams', 'drives'].map((kind) => `/${version}/${kind}/:id`),
      ),
    ),
  ],
  ['login.microsoftonline.com', path('/:tenant')],
  ['management.azure.com', path('/subscriptions/:subscription')],
  ['dev.azure.com', path('/:organisation')],
  // Google
  [
    'storage.googleapis.com',
    path(
      '/:bucket',
      '/storage/v1/b/:bucket',
      '/upload/storage/v1/b/:bucket',
      '/download/storage/v1/b/:bucket',
    ),
  ],
  ['www.googleapis.com', path('/calendar/v3/calendars/:calendar', '/drive/v3/files/:file')],
  ['sheets.googleapis.com', path('/v4/spreadsheets/:spreadsheet')],
  ['docs.googleapis.com', path('/v1/documents/:document')],
  ['gmail.googleapis.com', path('/gmail/v1/users/:address')],
  ['bigquery.googleapis.com', path('/bigquery/v2/projects/:project')],
  ['pubsub.googleapis.com', path('/v1/projects/:project')],
  ['firestore.googleapis.com', path('/v1/projects/:project')],
  ['.googleapis.com', nothing(ownTool)],
  ['script.google.com', path('/macros/s/:deployment')],
  ['.google.com', nothing(ownTool)],
  // Amazon; its other services name their target in the body
  ['.amazonaws.com', nothing('Use <bucket>.s3.<region>.amazonaws.com, or a service of your own.')],
  // Hooks that anybody can open
  ['hooks.zapier.com', path('/hooks/catch/:account')],
  ['webhook.site', path('/:token')],
  ['pastebin.com', nothing(ownTool)],
]);

/** Amazon's hosts, where the region stands inside the name. */
const amazon: [RegExp, Binding | null][] = [
  // The bucket or the API is part of the name, so that nobody else's is reached by it.
  [/^[a-z0-9][a-z0-9.-]*\.s3[.-]([a-z0-9-]+\.)?amazonaws\.com$/, null],
  [/^[a-z0-9]+\.execute-api\.[a-z0-9-]+\.amazonaws\.com$/, null],
  [/^s3([.-][a-z0-9-]+)?\.amazonaws\.com$/, path('/:bucket')],
  [/^sqs\.[a-z0-9-]+\.amazonaws\.com$/, path('/:account/:queue')],
];

/** Hosts below a shared one where the first label is the customer's own, such as a bucket. */
const customerOwnLabel = /^[a-z0-9][a-z0-9._-]*\.storage\.googleapis\.com$/;

/** Words that stand where an owner would and mean "whoever asks", or lead somewhere else. */
const nobody =
  /^(me|self|current|common|organizations|consumers|_|-|api|apps|orgs|settings|storage|upload|download|batch)$/i;

/**
 * What an egress entry lacks where its host is shared by many customers.
 * @param header the header of the secret that is bound to the host; null where none is
 * @param reads paths of it that are reached by GET alone
 * @returns null for an entry that can be told from every other customer's
 */
export function unbound(
  entry: HostEntry,
  header: string | null,
  reads: readonly string[] = [],
): { fault: string; remedy: string } | null {
  const name = entry.host.replace(/:\d+$/, '');
  const binding = bindingOf(name);
  if (!binding) return null;
  const fault = `${name} is shared by many customers, and the entry does not say whose part of it is meant`;
  switch (binding.by) {
    case 'nothing':
      return {
        fault: `${name} is shared by many customers, and no path of it belongs to one`,
        remedy: binding.instead,
      };
    case 'secret':
      // Any other header would leave a call free to bring a token of its own.
      return header === 'authorization'
        ? null
        : {
            fault,
            remedy: 'List it under egress.secrets, with the secret whose account is meant as authorization.',
          };
    case 'path': {
      const bound = (path: string): boolean => binds(path, binding.shapes);
      const good =
        (entry.paths ?? []).length > 0 &&
        entry.paths?.every(bound) &&
        reads.every((path) => bound(path) || (binding.reads ?? []).includes(path));
      const example = (binding.shapes[0] ?? '').replace(/:(\w+)/g, '<$1>');
      return good ? null : { fault, remedy: `Write { host: ${entry.host}, paths: ['${example}/'] }.` };
    }
  }
}

function bindingOf(name: string): Binding | null {
  if (customerOwnLabel.test(name)) return null;
  const region = amazon.find(([form]) => form.test(name));
  if (region) return region[1];
  const exact = bindings.get(name);
  if (exact) return exact;
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    const wide = bindings.get(name.slice(dot));
    if (wide) return wide;
  }
  return null;
}

function binds(path: string, shapes: readonly string[]): boolean {
  const given = path.split('/').filter(Boolean);
  return shapes.some((shape) =>
    shape
      .split('/')
      .filter(Boolean)
      // A path that is shorter lacks an owner, as one does that names nobody.
      .every((part, index) =>
        part.startsWith(':') ? !nobody.test(given[index] ?? '_') : part === given[index],
      ),
  );
}
