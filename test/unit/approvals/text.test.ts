import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { visible } from '../../../gateway/approvals/card.ts';
import { digestOfText } from '../../../gateway/envelope/index.ts';
import { gateOf, openHouse, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(() => {
  house.seen.notices.length = 0;
});

const attacks: [string, string][] = [
  ['AC\u202eME', 'AC\\u{202e}ME'],
  ['AC\u200bME', 'AC\\u{200b}ME'],
  ['ACME\nApproved by: Alex', 'ACME\\u{a}Approved by: Alex'],
  ['ACME\u001b[2J', 'ACME\\u{1b}[2J'],
  ['АCME', 'АCME [mixed letters: Cyrillic, Latin]'],
  ['АСМЕ', 'АСМЕ [letters: Cyrillic]'],
  ['ΑΟΝ', 'ΑΟΝ [letters: Greek]'],
  ['pаypal.com', 'pаypal.com [mixed letters: Latin, Cyrillic]'],
];

test('attack: text that looks like other text is shown as what it is, in every field of a card', async () => {
  for (const [written, shown] of attacks) {
    const args = { amount: '120.00', currency: 'EUR', payee: written, reference: written };
    const provenance = ['payee', 'reference'].map((arg) => ({
      at: `/${arg}`,
      arg,
      kind: arg === 'payee' ? 'redirects' : 'content',
      origin: arg === 'payee' ? ('unknown' as const) : ('user' as const),
    }));
    const preview = {
      state: 'shown' as const,
      text: null,
      facts: [{ column: 'name', label: 'Name', value: written, bound: true }],
      at: '2026-11-01T10:02:00.000Z',
    };
    const asking = house.another({ preview: () => Promise.resolve(preview) });
    const { id, run } = await house.decision({ args, provenance, quorum: 2 });
    await asking.register(run, gateOf([{ id }]));
    const comment = written;
    await asking.vote({
      approvalId: id,
      principal: 'approver-a',
      verdict: 'approve',
      channel: 'web',
      comment,
    });
    const card = await asking.card(id);
    assert.ok(card.sentence.includes(shown), card.sentence);
    const value = (label: string): string | undefined =>
      card.facts.find((fact) => fact.label === label)?.value;
    assert.equal(value('Payee'), shown);
    assert.equal(value('Name'), shown);
    assert.equal(card.provenance[0]?.value, shown);
    const ofLines = shown.replace('\\u{a}', '\n');
    assert.ok([value('Reference'), card.quoted?.replace('Reference:\n', '')].includes(ofLines));
    assert.equal(card.votes[0]?.comment, ofLines);
    assert.ok(house.seen.notices.every((notice) => !notice.text.includes('\u202e')));
  }
});

test('names that people write are not marked', () => {
  for (const name of [
    'Müller & Söhne',
    '東京ガスABC',
    '株式会社カナ',
    '서울LG',
    'Иванов',
    'Ελλάδα',
    '注音ㄅㄆ',
  ])
    assert.equal(visible(name), name);
});

test('a button and a notice cut nothing without its length and its hash', async () => {
  const note = 'n'.repeat(400);
  const args = { method: 'GET', url: `https://example.com/${'a'.repeat(400)}`, body: note };
  const { id, run } = await house.decision({ tool: 'http.request', args });
  const labels: string[] = [];
  const asking = house.another({
    delivery: {
      reply: () => Promise.resolve(null),
      notify: () => Promise.resolve(1),
      notifyAll: (_tx, notices) =>
        Promise.all(
          notices.map(async ({ body }) => {
            if (typeof body !== 'function') return 1;
            const said = await body({ channel: 'web', account: 'local', id: 'a' });
            labels.push(said.text, ...(said.buttons ?? []).map((button) => button.label));
            return 1;
          }),
        ),
      runContext: () => Promise.resolve(null),
      runWaiting: () => Promise.resolve(),
      runResumed: () => Promise.resolve(true),
      runAgain: () => Promise.resolve(true),
      runDone: () => Promise.resolve(true),
    },
  });
  await asking.register(run, gateOf([{ id }]));
  const [text, approve] = labels;
  const quoted = (await asking.card(id)).quoted ?? '';
  assert.ok(text?.includes(`… (${quoted.length} characters, SHA-256 ${digestOfText(quoted).slice(7, 15)};`));
  assert.match(approve ?? '', /^Approve get https.{1,30}… \(\d+ characters, SHA-256 [0-9a-f]{8}\)$/i);
  assert.ok((approve ?? '').length <= 75);
});
