import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { GatehouseError } from '../../../../gateway/config/index.ts';
import type { Names } from '../../../../gateway/egress/index.ts';
import { againAfter } from '../../../../gateway/tools/waiting.ts';
import { createMailDryRun } from '../../../../gateway/tools/connectors/mail/index.ts';
import { hashOf, shared, shippedTool } from '../files/support.ts';
import { mailServer, login, type MailServer, type Manner } from './server.ts';
import { letter, listSecret, send, toolAt } from './support.ts';

const open: MailServer[] = [];
const server = async (manner?: Manner): Promise<MailServer> => {
  const made = await mailServer(manner);
  open.push(made);
  return made;
};
after(() => Promise.all(open.map((one) => one.close())));

test('a mail goes out over TLS, signed in, from whom the file says, with an id that follows from the attempt', async () => {
  const at = await server();
  const outcome = await send(toolAt(at), { ...letter, to: ['ann@example.org', 'bob@bücher.example'] });
  assert.equal(outcome.status, 'succeeded');
  const [taken] = at.taken;
  assert.deepEqual(
    [taken?.from, taken?.to],
    ['office@example.com', ['ann@example.org', 'bob@bücher.example']],
  );
  assert.match(taken?.raw ?? '', /^To: ann@example\.org, bob@xn--bcher-kva\.example\r?$/m);
  assert.equal(taken?.mail.messageId, '<att_0199-a.0@example.com>');
  assert.deepEqual([taken?.mail.subject, taken?.mail.text?.trimEnd()], [letter.subject, letter.text]);
  assert.deepEqual(taken?.mail.from, { address: 'office@example.com', name: 'The office' });
  assert.match(taken?.raw ?? '', /^Auto-Submitted: auto-generated\r?$/m);
  assert.doesNotMatch(taken?.raw ?? '', /^List-Unsubscribe/m);
  assert.deepEqual(at.logins, [`${login.user}:${login.password}`]);
  const { result } = outcome as { result: { summary: string; messageIds: string[] } };
  assert.deepEqual(
    [result.summary, result.messageIds],
    ['Mailed all 2 recipients.', ['<att_0199-a.0@example.com>']],
  );
});

test('a mail goes out by STARTTLS, and never where the server has none', async () => {
  const at = await server({ tls: 'starttls' });
  assert.equal((await send(toolAt(at, 'mail.send', { tls: 'starttls' }), letter)).status, 'succeeded');
  const plain = await server({ tls: 'none' });
  await assert.rejects(send(toolAt(plain, 'mail.send', { tls: 'starttls' }), letter), {
    code: 'GH-TOOLS-074',
  });
  await assert.rejects(send(toolAt(plain), letter), { code: 'GH-TOOLS-074' });
  assert.deepEqual([plain.logins, plain.taken], [[], []]);
});

test('attack: a server with another name, or a certificate that nobody vouches for, gets neither login nor mail', async () => {
  const other = await server({ name: 'other.example.com' });
  await assert.rejects(send(toolAt(other), letter), {
    code: 'GH-TOOLS-074',
    message: /no TLS that can be trusted/,
  });
  const at = await server();
  const trusted = toolAt(at);
  assert.ok(trusted.connector.kind === 'smtp');
  const { certificate: _certificate, ...bare } = trusted.connector;
  await assert.rejects(send({ ...trusted, connector: bare }, letter), { code: 'GH-TOOLS-074' });
  assert.deepEqual([other.logins, at.logins], [[], []]);
});

test('attack: a mail server that leads into a private network is not connected to', async () => {
  const at = await server();
  await assert.rejects(send(toolAt(at, 'mail.send', { privateNetworks: [] }), letter), {
    code: 'GH-EGRESS-006',
  });
  assert.deepEqual(at.logins, []);
});

test('a login that is refused is told without the login or what the server said', async () => {
  const at = await server();
  const wrong = 'office@example.com:wrong-password';
  await assert.rejects(send(toolAt(at), letter, { secret: wrong }), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'GH-TOOLS-073');
    assert.doesNotMatch(
      `${error.message} ${JSON.stringify(error)} ${String(error.cause)}`,
      /wrong-password|pä/,
    );
    return true;
  });
  await assert.rejects(send(toolAt(at), letter, { secret: 'no colon' }), { code: 'GH-TOOLS-073' });
  await assert.rejects(send(toolAt(at), letter, { secret: '{"user":"a"}' }), { code: 'GH-TOOLS-073' });
  await assert.rejects(send(toolAt(at), letter, { secret: 'a:b\r\nRCPT TO:<eve@evil.example>' }), {
    code: 'GH-TOOLS-073',
  });
});

test('a mail server that is away, or busy, before it took anything can be waited for', async () => {
  const gone = await mailServer();
  await gone.close();
  const later = async (tool: ReturnType<typeof toolAt>, names?: Names): Promise<unknown> => {
    const error: unknown = await send(tool, letter, names ? { names } : {}).catch(
      (caught: unknown) => caught,
    );
    assert.ok(error instanceof GatehouseError);
    assert.doesNotMatch(`${error.message} ${error.next}`, new RegExp(login.password));
    return [error.code, againAfter(error)?.waitsFor];
  };
  assert.deepEqual(await later(toolAt(gone)), ['GH-TOOLS-076', 'unreachable']);
  const dies = await server({ before: 'die-at-login' });
  assert.deepEqual(await later(toolAt(dies)), ['GH-TOOLS-076', 'unreachable']);
  const busy = await server({ before: 'busy-at-login' });
  assert.deepEqual(await later(toolAt(busy)), ['GH-TOOLS-077', 'busy']);
  const nameless = (code: string): Names =>
    ((_host: string, _options: unknown, done: (error: Error, found: unknown[]) => void) =>
      done(Object.assign(new Error(code), { code }), [])) as never;
  assert.deepEqual(await later(toolAt(busy), nameless('EAI_AGAIN')), ['GH-TOOLS-076', 'unreachable']);
  // Nobody else has such a name, so waiting helps nothing.
  assert.deepEqual(await later(toolAt(busy), nameless('ENOTFOUND')), ['GH-TOOLS-074', undefined]);
  assert.deepEqual([dies.taken, busy.taken], [[], []]);
});

test('a recipient whom the server refuses is named, and where it refuses all nothing was sent', async () => {
  const at = await server({ refuses: (address) => address.startsWith('no') });
  const some = await send(toolAt(at), { ...letter, to: ['ann@example.org', 'nobody@example.org'] });
  assert.equal(some.status, 'succeeded');
  assert.match(
    (some as { result: { summary: string } }).result.summary,
    /1 of 2 recipients\. Refused: nobody@example\.org/,
  );
  const none = await send(toolAt(at), { ...letter, to: ['nobody@example.org'] });
  assert.deepEqual([none.status, at.taken.length], ['failed', 1]);
});

test('a file is attached as it was decided on, and not otherwise', async () => {
  const at = await server();
  const disk = shared();
  writeFileSync(join(disk.root, 'bill.pdf'), 'bytes');
  const attachments = [{ path: 'bill.pdf', sha256: hashOf('bytes') }];
  const files = disk.folders;
  assert.equal((await send(toolAt(at), { ...letter, attachments }, { files })).status, 'succeeded');
  const [part] = at.taken[0]?.mail.attachments ?? [];
  assert.deepEqual([part?.filename, part?.mimeType], ['bill.pdf', 'application/octet-stream']);
  assert.equal(Buffer.from(part?.content as ArrayBuffer).toString(), 'bytes');
  writeFileSync(join(disk.root, 'bill.pdf'), 'others');
  await assert.rejects(send(toolAt(at), { ...letter, attachments }, { files }), { code: 'GH-TOOLS-065' });
  for (const path of ['../outside/secret.txt', '/etc/passwd', '.gatehouse/x'])
    await assert.rejects(
      send(toolAt(at), { ...letter, attachments: [{ path, sha256: hashOf('SECRET') }] }, { files }),
      { code: 'GH-TOOLS-062' },
    );
  await assert.rejects(
    send(toolAt(at, 'mail.send', { maxAttachmentBytes: 3 }), { ...letter, attachments }, { files }),
    { code: 'GH-TOOLS-064' },
  );
  assert.equal(at.taken.length, 1);
  await disk.close();
});

test('attack: a card shows who is written to, look-alikes for what they are, and what is attached', async () => {
  const disk = shared();
  writeFileSync(join(disk.root, 'bill.pdf'), 'bytes');
  const look = async (args: Record<string, unknown>): Promise<string[]> => {
    const tool = shippedTool('mail.send');
    const call = {
      attempt: 'prv_1',
      tool,
      args: { ...letter, ...args },
      caller: { principal: 'p' },
      secret: undefined,
    };
    const found = await createMailDryRun(disk.folders).run(call);
    return 'facts' in found
      ? found.facts.map(({ label, value, bound }) => `${label}: ${value}${bound ? '' : ' (free)'}`)
      : [];
  };
  const attachments = [{ path: 'bill.pdf', sha256: hashOf('bytes') }];
  assert.deepEqual(await look({ to: ['ann@аpple.com', 'bob@example.org', 'eve@example.org'], attachments }), [
    'From: office@example.com',
    'Recipients: 3',
    'At: аpple.com (xn--pple-43d.com, letters of Latin and Cyrillic): ann',
    'At: example.org: bob, eve',
    'Attached: bill.pdf, 5 bytes',
  ]);
  await assert.rejects(look({ subject: 'a\nBcc: b@c.de' }), { code: 'GH-TOOLS-072' });
  await assert.rejects(look({ attachments: [{ path: 'bill.pdf', sha256: hashOf('other') }] }), {
    code: 'GH-TOOLS-065',
  });
  await disk.close();
});

test('files are not drawn a thousand times', async () => {
  const disk = shared();
  writeFileSync(join(disk.root, 'large.bin'), Buffer.alloc(5_000_000));
  const at = await server();
  const tool = toolAt(at, 'mail.blast');
  const to = Array.from({ length: 30 }, (_, n) => `r${n}@example.org`);
  const attachments = [{ path: 'large.bin', sha256: hashOf(Buffer.alloc(5_000_000)) }];
  const sent = send(tool, { ...letter, to, attachments }, { secret: listSecret, files: disk.folders });
  await assert.rejects(sent, { code: 'GH-TOOLS-075' });
  assert.deepEqual(at.logins, []);
  await disk.close();
});

test('each reader of a list gets a mail of their own with a way out that nobody else can make', async () => {
  const at = await server();
  const to = ['ann@example.org', 'bob@example.org'];
  const outcome = await send(toolAt(at, 'mail.blast'), { ...letter, to }, { secret: listSecret });
  assert.equal(outcome.status, 'succeeded');
  assert.deepEqual(
    at.taken.map((one) => one.to),
    [['ann@example.org'], ['bob@example.org']],
  );
  assert.deepEqual(
    at.taken.map(({ mail }) => mail.messageId),
    ['<att_0199-a.0@example.com>', '<att_0199-a.1@example.com>'],
  );
  for (const [index, { raw, mail }] of at.taken.entries()) {
    assert.doesNotMatch(raw, new RegExp(`${to[1 - index]}`));
    const header = (name: string): string => mail.headers.find(({ key }) => key === name)?.value ?? '';
    assert.equal(header('list-unsubscribe-post'), 'List-Unsubscribe=One-Click');
    const token = /^<https:\/\/example\.com\/unsubscribe\/([\w-]+)\.([\w-]+)>$/.exec(
      header('list-unsubscribe').replace(/\s/g, ''),
    );
    assert.equal(Buffer.from(token?.[1] ?? '', 'base64url').toString(), to[index]);
    assert.equal(
      token?.[2],
      createHmac('sha256', 'a key of sixteen or more')
        .update(to[index] ?? '')
        .digest('base64url'),
    );
  }
  await assert.rejects(send(toolAt(at, 'mail.blast'), letter), {
    code: 'GH-TOOLS-073',
    message: /unsubscribeKey/,
  });
});

test('recipients are bounded, counted once each, and kept to the domains of the file', async () => {
  const at = await server();
  const many = Array.from({ length: 21 }, (_, n) => `r${n}@example.org`);
  await assert.rejects(send(toolAt(at), { ...letter, to: many }), { code: 'GH-TOOLS-071' });
  const kept = toolAt(at, 'mail.send', { domains: ['example.org'] });
  for (const to of ['ann@example.org.evil.example', 'ann@sub.example.org', 'ann@exаmple.org'])
    await assert.rejects(send(kept, { ...letter, to: [to] }), { code: 'GH-TOOLS-071' }, to);
  await send(kept, { ...letter, to: ['ann@example.org', 'ANN@EXAMPLE.org'] });
  assert.equal(at.taken.length, 1);
  assert.equal(at.taken[0]?.to.length, 1);
});

const ends = [
  '\r\n',
  '\n',
  '\r',
  '\u2028',
  '\u2029',
  '\u0085',
  '\v',
  '\f',
  '\0',
  '\u001b',
  '\u202e',
  '\ud800',
];
for (const end of ends) {
  test(`attack: ${JSON.stringify(end)} makes no second header`, async () => {
    const at = await server();
    const injected = `Hello${end}Bcc: eve@evil.example${end}${end}<b>body</b>`;
    await assert.rejects(send(toolAt(at), { ...letter, subject: injected }), { code: 'GH-TOOLS-072' });
    await assert.rejects(
      send(toolAt(at), { ...letter, to: [`ann@example.org${end}Bcc: eve@evil.example`] }),
      { code: 'GH-TOOLS-070' },
    );
    assert.deepEqual([at.logins, at.taken], [[], []]);
  });
}

test('attack: a text that ends a mail and begins commands stays a text', async () => {
  const at = await server();
  const text =
    'Hi\r\n.\r\nMAIL FROM:<eve@evil.example>\r\nRCPT TO:<eve@evil.example>\r\nDATA\r\n\nBcc: eve@evil.example\r.\r\n..\n.\n';
  await send(toolAt(at), { ...letter, text });
  assert.equal(at.taken.length, 1);
  assert.deepEqual(at.taken[0]?.to, ['ann@example.org']);
  assert.match(at.taken[0]?.mail.text ?? '', /MAIL FROM:<eve@evil\.example>/);
  assert.equal(at.taken[0]?.mail.bcc, undefined);
});

test('attack: a subject that looks like encoded headers is shown as it is', async () => {
  const at = await server();
  for (const subject of [
    '=?utf-8?q?a=0D=0ABcc:_eve@evil.example?=',
    'a'.repeat(200),
    'Grüße '.repeat(20).trim(),
    'x <eve@evil.example>',
  ]) {
    at.taken.length = 0;
    await send(toolAt(at), { ...letter, subject });
    assert.deepEqual(
      [at.taken[0]?.to, at.taken[0]?.mail.bcc, at.taken[0]?.mail.cc],
      [['ann@example.org'], undefined, undefined],
    );
    assert.doesNotMatch(at.taken[0]?.raw ?? '', /^bcc:/im);
  }
});
