import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import express from 'express';
import { Streams } from '../../../gateway/web/streams.ts';

describe('the stream of an open page', () => {
  const streams = new Streams();
  let signedIn = true;
  let look = async (): Promise<string> => '';
  const app = express().get('/events', (_request, response) =>
    streams.serve(
      'ada',
      response,
      async () => signedIn,
      async () => ({ html: await look(), nextMs: 60_000 }),
    ),
  );
  const server = createServer(app);
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => {
    streams.stop();
    server.close();
  });
  const events = () => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/events`);

  it('does not send what it found while its session ended', async () => {
    look = async () => {
      signedIn = false;
      return '<p>not for them any more</p>';
    };
    assert.equal(await (await events()).text(), '');
  });

  it('sends each line of what it found as data of one event', async () => {
    signedIn = true;
    look = async () => '<p>\nfound</p>';
    const response = await events();
    const first = await response.body?.getReader().read();
    assert.equal(new TextDecoder().decode(first?.value), 'event: update\ndata: <p>\ndata: found</p>\n\n');
  });
});
