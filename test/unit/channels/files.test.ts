import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it, test } from 'node:test';
import { nameAttachments, takeAttachments } from '../../../gateway/channels/attachments.ts';
import { createSlack, createTelegram, type ChannelAdapter } from '../../../gateway/channels/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { createEgress } from '../../../gateway/egress/index.ts';
import { only } from '../../contract/envelope.ts';
import { FakeSlack } from '../../fixtures/slack/index.ts';
import { bot, FakeTelegram, messageUpdate } from '../../fixtures/telegram/index.ts';

const log = createLogger('silent');
const egress = createEgress();
const flawOf = async (got: ReturnType<NonNullable<ChannelAdapter['fetchFile']>>): Promise<string> => {
  const one = await got;
  return 'flaw' in one ? one.flaw : one.content.toString();
};

test('files that a vendor tells of are held to what is uploaded here, each by itself', () => {
  const told = (name: string | null, bytes = 10) => ({
    ...{ nativeId: null, name, mime: 'x/y', bytes, source: { url: 'u' } },
  });
  const flaws = (...files: Parameters<typeof nameAttachments>[0]): (string | undefined)[] =>
    nameAttachments(files).map(({ flaw }) => flaw);
  assert.deepEqual(flaws(told('a.csv'), told('../a.csv'), told('a\u202e.csv'), told(null), told('a.exe')), [
    ...[undefined, 'name', 'name', 'name', 'type'],
  ]);
  assert.deepEqual(flaws(told('a.csv', 4_194_304), told('b.csv', 1)), [undefined, 'too_large']);
  assert.deepEqual(flaws(...Array.from({ length: 9 }, (_, index) => told(`${index}.csv`))).slice(7), [
    ...[undefined, 'too_many'],
  ]);
  assert.deepEqual(flaws({ ...told('a.csv'), source: 'gone' }), ['gone']);
  const film = told('film.csv', 9_000_000);
  assert.deepEqual(flaws(film, told('a.csv')), ['too_large', undefined], 'what is not taken takes no room');
});

test('what is uploaded is held to the same rules, and refuses its message', () => {
  const csv = (name: string | null, bytes = 2) => ({ name, content: Buffer.alloc(bytes, 'a') });
  const codes = { name: '013', type: '014', too_many: '010', too_large: '011' } as Record<string, string>;
  for (const files of [
    [csv('../a.csv')],
    [csv('a\u202e.csv')],
    [csv('a.exe')],
    [csv('a.csv', 4_194_304), csv('b.csv', 1)],
    Array.from({ length: 9 }, (_, index) => csv(`${index}.csv`)),
  ]) {
    const told = files.map(({ name, content }) => ({
      ...{ nativeId: null, name, mime: null, bytes: content.length, source: { url: 'u' } },
    }));
    const flaws = nameAttachments(told).flatMap(({ flaw }) => flaw ?? []);
    assert.equal(flaws.length, 1);
    assert.throws(() => takeAttachments(files.map((file) => ({ ...file, name: file.name ?? '' }))), {
      code: `GH-CHANNEL-${codes[flaws[0] ?? '']}`,
    });
  }
  assert.throws(() => takeAttachments([{ name: 'a.csv', content: Buffer.alloc(0) }]), {
    code: 'GH-CHANNEL-012',
  });
  assert.throws(() => takeAttachments([{ name: 'a.csv', content: Buffer.from('a\0') }]), {
    code: 'GH-CHANNEL-014',
    message: 'a.csv is not what its name says.',
  });
});

describe('a file in Slack', () => {
  let fake: FakeSlack;
  let slack: ChannelAdapter;
  before(async () => {
    fake = await new FakeSlack().start();
    const secrets = (name: string) =>
      Promise.resolve(name === 'slack/bot-token' ? fake.tokens.bot : fake.tokens.app);
    slack = createSlack({ mode: 'socket', apiUrl: fake.apiUrl, secrets, egress, log });
  });
  after(() => fake.stop());
  afterEach(() => assert.deepEqual(fake.problems, []));
  const fetchFrom = (url: string, most = 1000): Promise<string> => flawOf(slack.fetchFile!({ url }, most));

  it('is fetched with the token of the bot', async () => {
    fake.files.set('T1-F1/a.csv', { content: Buffer.from('a,b') });
    assert.equal(await fetchFrom(fake.fileUrl('T1-F1/a.csv')), 'a,b');
    assert.equal(await fetchFrom(fake.fileUrl('T1-F1/a.csv'), 2), 'too_large');
  });

  it('says why it cannot be had', async () => {
    assert.equal(await fetchFrom(fake.fileUrl('T1-F1/gone.csv')), 'gone');
    fake.files.set('page.csv', { content: Buffer.from('<html>'), type: 'text/html; charset=utf-8' });
    fake.files.set('moved.csv', { content: Buffer.from(''), status: 302 });
    fake.files.set('secret.csv', { content: Buffer.from(''), status: 403 });
    for (const path of ['page.csv', 'moved.csv', 'secret.csv'])
      assert.equal(await fetchFrom(fake.fileUrl(path)), 'refused', path);
    fake.files.set('later.csv', { content: Buffer.from(''), status: 503 });
    await assert.rejects(fetchFrom(fake.fileUrl('later.csv')), (error: Error & { code: string }) => {
      assert.equal(error.code, 'GH-CHANNEL-005');
      assert.ok(![error.message, String(error.cause), error.stack].join().includes('later.csv'));
      return true;
    });
  });

  it('attack: the token goes to no other host and to nothing else of Slack', async (context) => {
    const thief = await new FakeSlack().start();
    context.after(() => thief.stop());
    thief.files.set('a.csv', { content: Buffer.from('a') });
    const calls = fake.calls.length;
    for (const url of [
      thief.fileUrl('a.csv'),
      fake.apiUrl,
      `${fake.fileUrl('x')}/../../api/auth.test`,
      `${fake.fileUrl('x')}%2f..%2f..%2fapi/auth.test`,
      fake.fileUrl('a.csv').replace('127.0.0.1', 'localhost'),
      fake.fileUrl('a.csv').replace('http://', 'http://user@'),
      'http://169.254.169.254/files-pri/latest',
      'file:///etc/passwd',
      '',
    ])
      assert.equal(await fetchFrom(url), 'elsewhere', url);
    assert.deepEqual([thief.calls, fake.calls.length], [[], calls]);
  });

  it('attack: of Slack itself only files.slack.com is asked', async () => {
    const asked: string[] = [];
    const egress = {
      send: (
        { url }: { url: string },
        [allowed]: readonly { host: string; paths?: readonly string[] | undefined }[],
      ) => {
        asked.push(`${new URL(url).host} ${allowed?.host} ${allowed?.paths?.join()}`);
        return Promise.reject(new Error('not here'));
      },
    };
    const real = createSlack({
      ...{ mode: 'socket', apiUrl: 'https://slack.com/api/', log, egress },
      secrets: () => Promise.resolve('xoxb-1'),
    });
    await assert.rejects(real.fetchFile!({ url: 'https://files.slack.com/files-pri/a' }, 1));
    assert.deepEqual(asked, ['files.slack.com files.slack.com /files-pri']);
  });
});

describe('a file in Telegram', () => {
  let fake: FakeTelegram;
  let telegram: ChannelAdapter;
  before(async () => {
    fake = await new FakeTelegram().start();
    const secrets = (name: string) => Promise.resolve(name === 'telegram/bot-token' ? bot.token : 'hook');
    telegram = createTelegram({ mode: 'webhook', apiRoot: `${fake.apiRoot}/`, secrets, egress, log });
  });
  after(() => fake.stop());
  afterEach(() => assert.deepEqual(fake.problems, []));
  const fetchOf = (file: string, most = 1000): Promise<string> => flawOf(telegram.fetchFile!({ file }, most));

  it('is named by its message and fetched by its id', async () => {
    fake.files.set('D1', { content: Buffer.from('a,b') });
    const document = {
      file_id: 'D1',
      file_unique_id: 'u1',
      file_name: 'a.csv',
      mime_type: 'text/csv',
      file_size: 3,
    };
    const photo = [90, 1280].map((size) => ({
      file_id: `P${size}`,
      file_unique_id: `u${size}`,
      file_size: size,
    }));
    const of = async (extra: object) => {
      const body = Buffer.from(JSON.stringify(messageUpdate({ from: 1, text: 'see', extra: { ...extra } })));
      const headers = { 'x-telegram-bot-api-secret-token': 'hook' };
      return only(
        await telegram.receive({ path: '/channels/telegram', headers, body, receivedAt: new Date() }),
      ).attachments.map(({ id: _id, ...rest }) => rest);
    };
    const common = { sha256: null, ref: null };
    assert.deepEqual(await of({ document }), [
      { ...common, nativeId: 'u1', name: 'a.csv', mime: 'text/csv', bytes: 3, source: { file: 'D1' } },
    ]);
    assert.deepEqual(await of({ photo }), [
      {
        ...common,
        ...{ nativeId: 'u1280', name: 'photo.jpg', mime: 'image/jpeg', bytes: 1280 },
        source: { file: 'P1280' },
      },
    ]);
    assert.equal(await fetchOf('D1'), 'a,b');
    assert.equal(await fetchOf('D1', 2), 'too_large');
  });

  it('says why it cannot be had, and its token is in no error', async () => {
    assert.equal(await fetchOf('gone'), 'gone');
    fake.files.set('big', { content: Buffer.alloc(20 * 1024 * 1024 + 1) });
    assert.equal(await fetchOf('big'), 'too_large');
    fake.files.set('lost', { content: Buffer.from('x'), path: 'documents/another' });
    assert.equal(await fetchOf('lost'), 'gone');
    fake.failNext('getFile', { code: 502, description: 'Bad Gateway' });
    await assert.rejects(fetchOf('D1'), (error: Error & { code: string }) => {
      assert.equal(error.code, 'GH-CHANNEL-005');
      assert.ok(![error.message, String(error.cause), error.stack].join().includes(bot.token));
      return true;
    });
  });

  it('attack: no path leads out of the files of the bot', async () => {
    const calls = fake.calls.filter((call) => call !== 'getFile').length;
    for (const path of [
      '../../bot/getMe',
      `../../../bot${bot.token}/getMe`,
      '..%2f..%2fgetMe',
      '//evil.example/a',
      'a//b',
    ]) {
      fake.files.set('out', { content: Buffer.from('x'), path });
      assert.equal(await fetchOf('out'), 'elsewhere', path);
    }
    assert.equal(fake.calls.filter((call) => call !== 'getFile').length, calls);
  });
});
