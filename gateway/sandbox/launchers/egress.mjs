// Points fetch and https to the proxy, before the code begins. `given` is set by gateway/sandbox/egress/setup.ts.
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';

const { env, certificates } = JSON.parse(given);
Object.assign(process.env, env);
writeFileSync(env.SSL_CERT_FILE, certificates);
const proxy = new URL(env.HTTPS_PROXY);
const credentials = Buffer.from(`${proxy.username}:${proxy.password}`).toString('base64');

function tunnel(host, port, done) {
  const headers = { 'proxy-authorization': `Basic ${credentials}` };
  http
    .request({
      ...{ host: proxy.hostname, port: proxy.port, agent: false },
      ...{ method: 'CONNECT', path: `${host}:${port}`, headers },
    })
    .once('error', done)
    .once('connect', (answer, socket, head) => {
      if (answer.statusCode !== 200) {
        let said = head.toString();
        socket.on('data', (chunk) => (said += chunk)).once('end', () => done(new Error(said)));
        return;
      }
      const options = { socket, servername: host, ca: certificates, ALPNProtocols: ['http/1.1'] };
      const secure = tls.connect(options, () => done(null, secure)).once('error', done);
    })
    .end();
}

https.globalAgent.createConnection = ({ host, port }, done) => tunnel(host, port, done);
// fetch is loaded at its first use, and with it the class of its connections.
await fetch('data:,');
const dispatcher = Symbol.for('undici.globalDispatcher.1');
const { constructor: Agent } = globalThis[dispatcher];
globalThis[dispatcher] = new Agent({
  connect: ({ protocol, hostname, port }, done) =>
    protocol === 'https:'
      ? tunnel(hostname, port || 443, done)
      : done(new Error('{"code":"egress_denied","rule":"scheme","how":"Use https."}')),
});
