import assert from 'node:assert/strict';
import { Writable, type Duplex } from 'node:stream';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Tunnel } from '../../../../gateway/sandbox/egress/tunnel.ts';

/** One frame of the container's side. */
function frame(type: string, id: number, length = 0, payload = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.write(type, 'latin1');
  head.writeUInt32BE(id, 1);
  head.writeUInt32BE(length, 5);
  return Buffer.concat([head, payload]);
}

/** A tunnel to a container that reads nothing. */
function deaf(): { tunnel: Tunnel; out: Writable; opened: Duplex[] } {
  const out = new Writable({ write: () => undefined });
  const opened: Duplex[] = [];
  return { tunnel: new Tunnel(out, (connection) => opened.push(connection)), out, opened };
}

const mostBytes = 1_048_576;

test('attack: frames that ask for an answer each, while nobody reads the answers, end the tunnel', async () => {
  for (const flood of [
    // One connection of too many, again and again.
    (at: number) => frame('o', 100 + at),
    // One byte, and so one byte of window to give back.
    () => frame('d', 1, 1, Buffer.from('x')),
  ]) {
    const { tunnel, out, opened } = deaf();
    for (let id = 1; id <= 64; id += 1) tunnel.receive(frame('o', id));
    assert.equal(opened.length, 64);
    for (const connection of opened) connection.resume();
    const many = Buffer.concat(Array.from({ length: 10_000 }, (_, at) => flood(at)));
    for (let times = 0; times < 20; times += 1) {
      tunnel.receive(many);
      await setImmediate();
    }
    assert.ok(out.writableLength < mostBytes, `${out.writableLength} bytes wait`);
    assert.ok(opened.every(({ destroyed }) => destroyed));
  }
});

test('attack: what is no frame, too long, beyond its window or another’s credit ends the tunnel', () => {
  const attacks = {
    'another type': frame('x', 1),
    'too long': frame('d', 1, 65_537),
    'a connection twice': frame('o', 1),
    'more credit than was sent': frame('w', 1, 1),
    'more than the window': Buffer.concat(
      Array.from({ length: 5 }, () => frame('d', 1, 65_536, Buffer.alloc(65_536))),
    ),
  };
  for (const [name, bytes] of Object.entries(attacks)) {
    const { tunnel, opened } = deaf();
    tunnel.receive(frame('o', 1));
    tunnel.receive(bytes);
    assert.ok(opened[0]?.destroyed, name);
  }
});

test('a frame may come in pieces, and after its connection has ended', async () => {
  const { tunnel, opened } = deaf();
  for (const byte of Buffer.concat([frame('o', 7), frame('d', 7, 2, Buffer.from('ab')), frame('e', 7)]))
    tunnel.receive(Buffer.from([byte]));
  const [connection] = opened;
  assert.ok(connection);
  const parts: Buffer[] = [];
  for await (const part of connection) parts.push(part as Buffer);
  assert.equal(Buffer.concat(parts).toString(), 'ab');
  connection.destroy();
  await setImmediate();
  for (const type of ['d', 'e', 'w']) tunnel.receive(frame(type, 7));
  tunnel.receive(frame('o', 8));
  assert.equal(opened[1]?.destroyed, false);
});
