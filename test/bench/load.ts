import autocannon from 'autocannon';

/** What a round of load saw. */
export interface Load {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  answered: number;
}

/** So long takes a gateway under load, with a processor shared, until its time per message falls no more. */
const warmUpSeconds = 8;

/**
 * Loads a server for some seconds, after some that are not counted: a fresh process compiles what it runs often.
 * @param body makes a body; called for each request
 * @param headers makes the headers of a body
 * @throws when any answer was not 2xx: a rate of errors is no rate
 */
export async function loadServer(options: {
  url: string;
  connections: number;
  seconds: number;
  headers: (body: string) => Record<string, string>;
  body: () => string;
}): Promise<Load> {
  const load = (seconds: number): Promise<autocannon.Result> =>
    autocannon({
      url: options.url,
      connections: options.connections,
      duration: seconds,
      requests: [
        {
          method: 'POST',
          setupRequest(request) {
            const body = options.body();
            return { ...request, body, headers: { ...request.headers, ...options.headers(body) } };
          },
        },
      ],
    });
  await load(warmUpSeconds);
  const result = await load(options.seconds);
  const failed = result.non2xx + result.errors + result.timeouts;
  if (failed > 0) throw new Error(`${failed} of ${result.requests.total} requests to ${options.url} failed`);
  return {
    perSecond: result['2xx'] / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    answered: result['2xx'],
  };
}
