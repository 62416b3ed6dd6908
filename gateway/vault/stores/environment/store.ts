import type { Store } from '../store.ts';

/** The variable of a secret: `SECRET_GITHUB_TOKEN` for `github/token`. */
export const variableOf = (prefix: string, name: string): string =>
  `${prefix}${name.replace(/[/-]/g, '_').toUpperCase()}`;

/**
 * Variables of the gateway's own process, for development: whoever may look at a process may read them, and so does
 * each program that it starts.
 */
export function createEnvironmentStore(environment: NodeJS.ProcessEnv): Store<{ variable: string }> {
  return {
    read: async ({ variable }) => environment[variable] || undefined,
    async describe({ variable }) {
      return environment[variable] ? { version: 1, updatedAt: processStart } : undefined;
    },
    check: async () => undefined,
  };
}

const processStart = new Date(Date.now() - process.uptime() * 1000).toISOString();
