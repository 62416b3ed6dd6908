import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A vendor on the loopback that answers at once, in a process of its own. */
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end('{"id":17,"state":"open"}');
});
server.listen(0, '127.0.0.1', () =>
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
);
process.on('message', () => process.exit(0));
