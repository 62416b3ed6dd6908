/**
 * Imports run downward only. Each row may import the rows below it, never its own row or one above. Row by row as in
 * docs/architecture.md; gateway/main.ts and gateway/compose.ts put everything together, and only a command starts them.
 */
const rows = [
  ['server', 'cli', 'web'],
  ['doctor'],
  ['agent'],
  ['tools'],
  ['approvals', 'sandbox', 'durable'],
  ['delivery'],
  ['channels', 'workflows'],
  ['policy', 'sessions', 'factors'],
  ['vault', 'catalogue'],
  ['audit', 'egress', 'inference'],
  ['envelope', 'config', 'db'],
];

const downward = rows.flatMap((row, index) =>
  row.map((room) => {
    const reachable = [room, ...rows.slice(index + 1).flat()];
    return {
      name: `${room}-imports-downward`,
      severity: 'error',
      comment: `gateway/${room} may import itself and the rows below it: ${reachable.slice(1).join(', ') || 'none'}`,
      from: { path: `^gateway/${room}/` },
      to: {
        path: '^gateway/',
        pathNot: [
          `^gateway/(${reachable.join('|')}|node_modules)/`,
          ...(room === 'cli' ? ['^gateway/main[.]ts$'] : []),
        ],
      },
    };
  }),
);

module.exports = {
  forbidden: [
    ...downward,
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'rooms-have-a-door',
      severity: 'error',
      comment: 'Other rooms import a room through its index.ts only',
      from: { path: '^gateway/([^/]+)/' },
      to: {
        path: '^gateway/[^/]+/.+',
        pathNot: ['^gateway/$1/', '^gateway/[^/]+/index[.]ts$', '^gateway/node_modules/'],
      },
    },
    {
      name: 'nodes-are-thin',
      severity: 'error',
      comment: 'What ships to n8n reaches the gateway over HTTP, never by import',
      from: { path: '^(nodes|credentials)/' },
      to: { path: '^gateway/' },
    },
    {
      name: 'gateway-knows-no-node',
      severity: 'error',
      from: { path: '^gateway/' },
      to: { path: '^(nodes|credentials|test|scripts)/' },
    },
    {
      name: 'nothing-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
