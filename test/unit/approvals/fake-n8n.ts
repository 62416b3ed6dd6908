import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeN8n {
  url: string;
  calls: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];
  /** What the next calls are answered; the last one stays. */
  answers: { status: number; body: string; headers?: Record<string, string> }[];
  stop(): Promise<void>;
}

export const resumed: FakeN8n['answers'][number] = { status: 200, body: '{"gatehouse":"resumed"}' };

/** An HTTP server that answers as n8n's waiting webhooks were seen to answer (n8n 2.41.1). */
export async function fakeN8n(port = 0): Promise<FakeN8n> {
  const calls: FakeN8n['calls'] = [];
  const answers: FakeN8n['answers'] = [resumed];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      calls.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? resumed;
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
      response.end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    answers,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
