import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import Docker from 'dockerode';
import { SignJWT, UnsecuredJWT } from 'jose';
import { packTar, unpackTar, type TarHeader } from 'modern-tar';
import { createLogger } from '../../../gateway/config/index.ts';
import { receive } from '../../../gateway/sandbox/body.ts';
import { defaultLimits } from '../../../gateway/sandbox/container.ts';
import { FilesCheck, packFiles } from '../../../gateway/sandbox/files.ts';
import { defaultImages, startRunner, type Runner } from '../../../gateway/sandbox/index.ts';
import { orderKey, Orders, Seal, signOrder } from '../../../gateway/sandbox/order.ts';
import { WarmPool } from '../../../gateway/sandbox/pool.ts';
import type { Waiting } from '../../../gateway/sandbox/launch.ts';

const token = 'a-token-that-is-long-enough-for-a-test';
const key = orderKey(token);
const code = 'echo ran';
const run = {
  language: 'shell',
  network: 'none',
  limits: defaultLimits,
  artefacts: [] as string[],
  bytes: { files: 0, stdin: 0, code: code.length },
} as const;
let runner: Runner;

before(async () => {
  runner = await startRunner({
    listen: { host: '127.0.0.1', port: 0 },
    token,
    images: defaultImages,
    log: createLogger('silent'),
    docker: new Docker({ socketPath: '/nowhere/docker.sock' }),
  });
});
after(() => runner.stop());

/** What the runner answers: the code of its problem, or of the ending. */
async function answerTo(order: string): Promise<[number, string]> {
  const headers = { 'gatehouse-order': order };
  const body = Buffer.concat([Buffer.from(code), new Seal(key, order).update(Buffer.from(code)).digest()]);
  const response = await fetch(`${runner.url}/runs`, { method: 'POST', headers, body });
  const answer = (await response.json()) as { code?: string; ending?: { reason: { code: string } } };
  return [response.status, answer.code ?? answer.ending?.reason.code ?? ''];
}
/** A run with one thing changed that the types do not let through. */
const odd = (change: object): Parameters<typeof signOrder>[1] => ({
  ...run,
  ...change,
});

test('an order as the gateway signs it is taken, once', async () => {
  const order = signOrder(key, run);
  assert.deepEqual(await answerTo(order), [200, 'docker_unreachable']);
  assert.deepEqual(await answerTo(order), [409, 'GH-SANDBOX-007']);
});

test('attack: an order that is not signed by the gateway is refused', async () => {
  const good = signOrder(key, run);
  const [head, payload, signature] = good.split('.') as [string, string, string];
  const claims = { ...(JSON.parse(Buffer.from(payload, 'base64url').toString()) as object), jti: 'x' };
  const forged = [
    '',
    token,
    'x.y.z',
    signOrder(orderKey('another-token-that-is-long-enough-too'), run),
    `${head}.${payload}.`,
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.${signature}`,
    `.${payload}.${signature}`,
    `${good}.`,
    `${head}.${payload}.${signature.slice(0, -3)}AAA`,
    `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`,
    new UnsecuredJWT({ run }).setAudience('gatehouse-runner').setIssuedAt().setExpirationTime('10s').encode(),
    await new SignJWT({ run }).setProtectedHeader({ alg: 'HS512' }).setAudience('gatehouse-runner').sign(key),
    await new SignJWT({ run }).setProtectedHeader({ alg: 'HS256' }).setAudience('another').sign(key),
  ];
  for (const order of forged) assert.deepEqual(await answerTo(order), [401, 'GH-SANDBOX-002'], order);
});

test('attack: an order that is late, early, long-lived or from before the start is refused', async () => {
  const now = Date.now();
  for (const at of [now - 60_000, now + 60_000, now - 10_000]) {
    assert.deepEqual(await answerTo(signOrder(key, run, at)), [403, 'GH-SANDBOX-006'], String(at - now));
  }
  for (const [after, taken] of [
    [24_000, true],
    [26_000, false],
  ] as const) {
    let clock = now;
    const orders = new Orders(key, () => clock);
    const order = signOrder(key, run, clock);
    clock += after;
    if (taken) assert.equal(orders.take(order).language, 'shell');
    else assert.throws(() => orders.take(order), { code: 'GH-SANDBOX-006' });
  }
  const long = new SignJWT({ run })
    .setProtectedHeader({ alg: 'HS256' })
    .setAudience('gatehouse-runner')
    .setJti(crypto.randomUUID())
    .setIssuedAt(now / 1000)
    .setExpirationTime('1h');
  assert.deepEqual(await answerTo(await long.sign(key)), [403, 'GH-SANDBOX-006']);
});

test('attack: an order is not forgotten as used while it is still good', async () => {
  let now = Date.now();
  const orders = new Orders(key, () => now);
  const order = signOrder(key, run, now + 4000);
  orders.take(order);
  for (let second = 0; second < 60; second += 1) {
    now += 1000;
    assert.throws(() => orders.take(order), { name: 'GatehouseError' });
    orders.take(signOrder(key, run, now));
  }
});

test('attack: of another body than was signed, no code reaches a container', async () => {
  const signed = Buffer.concat(packFiles([{ path: 'a', content: Buffer.from('hello') }]));
  const stdin = 'given';
  const seal = (body: Buffer, order = 'order', by = key): Buffer => new Seal(by, order).update(body).digest();
  const bodyOf = (files: Uint8Array, run: string, given = stdin): Buffer =>
    Buffer.concat([files, Buffer.from(given + run)]);
  const passed = async (
    body: Buffer,
    sealed: Buffer,
    code = 'CODE',
    pieces = 700,
    files = signed,
  ): Promise<string> => {
    const parts: Buffer[] = [];
    const all = Buffer.concat([body, sealed]);
    const sent = Array.from({ length: Math.ceil(all.length / pieces) }, (_, at) =>
      all.subarray(at * pieces, (at + 1) * pieces),
    );
    const bytes = { files: files.length, stdin: stdin.length, code: code.length };
    try {
      const pass = (part: Buffer): void => void parts.push(Buffer.from(part));
      await receive(Readable.from(sent), { bytes }, new Seal(key, 'order'), pass);
    } catch (error) {
      assert.doesNotMatch(Buffer.concat(parts).toString(), /CODE/);
      return (error as { code: string }).code;
    }
    return Buffer.concat(parts).toString();
  };
  const good = bodyOf(signed, 'CODE');
  // However it is cut on its way.
  for (const pieces of [1, 7, 700, signed.length, signed.length + 5, 10_000])
    assert.equal(await passed(good, seal(good), 'CODE', pieces), good.toString(), String(pieces));
  for (const other of [
    bodyOf(signed, 'CODe'),
    bodyOf(signed, 'CODE;'),
    bodyOf(signed, 'COD'),
    bodyOf(signed, 'CODE', 'Given'),
    bodyOf(
      Uint8Array.from(signed, (byte, at) => (at === 520 ? 1 : byte)),
      'CODE',
    ),
    Buffer.alloc(0),
  ]) {
    for (const pieces of [1, 700, 10_000])
      assert.equal(await passed(other, seal(good), 'CODE', pieces), 'GH-SANDBOX-015');
  }
  const another = orderKey('another-token-that-is-long-enough-too');
  for (const forged of [
    seal(good, 'another order'),
    seal(good, 'order', another),
    Buffer.alloc(16),
    Buffer.alloc(0),
  ])
    assert.equal(await passed(good, forged), 'GH-SANDBOX-015');
  const link = Buffer.from(await entry({ type: 'symlink', linkname: '/etc' }));
  const withLink = bodyOf(link, 'CODE');
  assert.equal(await passed(withLink, seal(withLink), 'CODE', 700, link), 'GH-SANDBOX-011');
  const nul = bodyOf(signed, 'CODE\0');
  assert.equal(await passed(nul, seal(nul), 'CODE\0'), 'GH-SANDBOX-003');
});

test('attack: an image, network, mount or capability that the runner does not list is refused', async () => {
  const beyond: [object, number, string][] = [
    [{ image: 'evil' }, 403, 'GH-SANDBOX-008'],
    [{ image: defaultImages.python }, 403, 'GH-SANDBOX-008'],
    [{ network: 'bridge' }, 403, 'GH-SANDBOX-008'],
    [{ network: 'host' }, 403, 'GH-SANDBOX-008'],
    [{ mounts: ['/:/host'] }, 400, 'GH-SANDBOX-003'],
    [{ capabilities: ['SYS_ADMIN'] }, 400, 'GH-SANDBOX-003'],
    [{ privileged: true }, 400, 'GH-SANDBOX-003'],
    [{ user: 'root' }, 400, 'GH-SANDBOX-003'],
    [{ runtime: 'other' }, 400, 'GH-SANDBOX-003'],
    [{ limits: { ...defaultLimits, pids: 100_000 } }, 400, 'GH-SANDBOX-003'],
    [{ bytes: { files: 1e9, stdin: 0, code: 8 } }, 400, 'GH-SANDBOX-003'],
  ];
  for (const [change, status, problem] of beyond) {
    assert.deepEqual(await answerTo(signOrder(key, odd(change))), [status, problem], JSON.stringify(change));
  }
  const listed = signOrder(key, { ...run, image: defaultImages.shell });
  assert.deepEqual(await answerTo(listed), [200, 'docker_unreachable']);
});

const entry = (header: Partial<TarHeader>, body = ''): Promise<Uint8Array> =>
  packTar([{ header: { name: 'a', size: body.length, type: 'file', ...header }, body }]);

const packed = (files: Parameters<typeof packFiles>[0]): Buffer => Buffer.concat(packFiles(files));
/** Looks through a tar that comes in pieces. */
function checked(tar: Uint8Array, pieces = tar.length): void {
  const check = new FilesCheck();
  for (let at = 0; at < tar.length; at += pieces) check.write(Buffer.from(tar.subarray(at, at + pieces)));
  check.end();
}

test('attack: files that leave the work folder, that are no files, or too much are refused, each by its code', async () => {
  const bad: [Uint8Array, string][] = [
    [await entry({ name: '../a' }), '010'],
    [await entry({ name: '/etc/passwd' }), '010'],
    [await entry({ name: 'a/../../b' }), '010'],
    [await entry({ name: './a' }), '010'],
    [await entry({ name: 'a//b' }), '010'],
    [await entry({ name: 'a\nb' }), '010'],
    [await entry({ name: 'a\\b' }), '010'],
    [await entry({ name: 'x'.repeat(101) }), '010'],
    [await entry({ type: 'symlink', linkname: '/etc/passwd' }), '011'],
    [await entry({ type: 'link', linkname: 'b' }), '011'],
    [await entry({ type: 'character-device' }), '011'],
    [await entry({ type: 'block-device' }), '011'],
    [await entry({ type: 'fifo' }), '011'],
    [await entry({ name: 'a/', type: 'directory' }), '011'],
    [packed(Array.from({ length: 257 }, (_, at) => ({ path: `f${at}`, content: new Uint8Array() }))), '012'],
    [packed([{ path: 'a', content: new Uint8Array(4_194_305) }]), '013'],
    [new Uint8Array(700).fill(65), '014'],
    [(await entry({}, 'hello')).subarray(0, 515), '014'],
  ];
  for (const [tar, number] of bad) {
    for (const pieces of [tar.length, 7])
      assert.throws(() => checked(tar, pieces), { code: `GH-SANDBOX-${number}` }, number);
  }
  const good = packed([
    { path: 'folder/é.csv', content: Buffer.from('a,b') },
    { path: 'empty', content: new Uint8Array() },
    { path: 'full', content: Buffer.alloc(1024, 'x') },
  ]);
  for (const pieces of [1, 7, 512, 700, good.length]) checked(good, pieces);
  assert.deepEqual(
    (await unpackTar(good)).map(({ header, data }) => [header.name, header.type, data?.length]),
    [
      ['folder/é.csv', 'file', 3],
      ['empty', 'file', 0],
      ['full', 'file', 1024],
    ],
  );
  checked(Buffer.alloc(0));
  assert.throws(() => packed([{ path: 'é'.repeat(51), content: new Uint8Array() }]), {
    code: 'GH-SANDBOX-010',
  });
  // What the code of a launcher could read otherwise than the check does.
  for (const at of [99, 124, 140, 148, 156, 157, 263, 345, 500, good.length - 1]) {
    const odd = Uint8Array.from(good, (byte, place) => (place === at ? byte + 1 : byte));
    assert.throws(() => checked(odd), { name: 'GatehouseError' }, String(at));
  }
  for (const bytes of [300, 512, 514, 1024, good.length - 1024])
    assert.throws(() => checked(good.subarray(0, bytes)), { code: 'GH-SANDBOX-014' }, String(bytes));
});

test('the pool grows by what it could not give, never above its maximum, and shrinks when idle', async () => {
  const retired: unknown[] = [];
  let [launched, over] = [0, false];
  const pool = new WarmPool({
    launch: () => Promise.resolve({ isOver: () => over, number: (launched += 1) } as unknown as Waiting),
    retire: (one) => retired.push(one),
    failed: () => undefined,
    max: 3,
    idleMs: 60,
  });
  const settle = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));
  pool.fill();
  await settle();
  assert.equal(pool.size, 1);
  const taken = [pool.take(), pool.take(), pool.take(), pool.take(), pool.take()];
  assert.equal(new Set(taken).size, 2, 'one container, and undefined for the others');
  pool.fill();
  await settle();
  assert.equal(pool.size, 3);
  over = true;
  assert.equal(pool.take(), undefined, 'one that died is not handed out');
  assert.equal(retired.length, 3);
  over = false;
  pool.fill();
  await settle();
  const deadline = Date.now() + 10_000;
  while (pool.size > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(pool.size, 0);
  await pool.stop();
  pool.fill();
  await settle();
  assert.equal(pool.size, 0, 'a stopped pool starts nothing');
});
