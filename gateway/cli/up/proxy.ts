const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'];
const loopback = ['localhost', '127.0.0.1', '::1'];

/** What a process needs to know of the proxy that this machine reaches the world through. */
export function proxySettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    [...names, ...names.map((name) => name.toLowerCase()), 'NODE_USE_ENV_PROXY']
      .filter((name) => environment[name] !== undefined)
      .map((name) => [name, environment[name]]),
  );
}

/** Keeps what talks to this very machine away from the proxy, which would look for it on its own. */
export function bypassProxyOnLoopback(environment: NodeJS.ProcessEnv): void {
  if (Object.keys(proxySettings(environment)).length === 0) return;
  const given = `${environment.no_proxy ?? ''},${environment.NO_PROXY ?? ''}`.split(/[\s,]+/).filter(Boolean);
  const all = [...new Set([...given, ...loopback])].join(',');
  environment.NO_PROXY = all;
  environment.no_proxy = all;
}
