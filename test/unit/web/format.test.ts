import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  factValue,
  fold,
  isId,
  money,
  pieces,
  safeUrl,
  shortId,
  withMoney,
} from '../../../gateway/web/format.ts';

describe('values on a page', () => {
  it('writes money grouped, with the digits of its currency and never rounded', () => {
    assert.equal(money('5000', 'EUR'), '5,000.00 EUR');
    assert.equal(money('5000', 'JPY'), '5,000 JPY');
    assert.equal(money('0.125', 'EUR'), '0.125 EUR');
    assert.equal(money('9007199254740993.01', 'EUR'), '9,007,199,254,740,993.01 EUR');
  });

  it('writes an amount of a sentence as money only where the facts hold it too', () => {
    const facts = [{ value: '5000.00 EUR' }];
    assert.equal(withMoney('pay 5000.00 EUR to 12 ALL', facts), 'pay 5,000.00 EUR to 12 ALL');
    assert.equal(withMoney('pay 15000.00 EUR, v1.5000.00 EUR', facts), 'pay 15000.00 EUR, v1.5000.00 EUR');
    assert.equal(factValue('5000 EUR'), '5,000.00 EUR');
    assert.equal(factValue('5000 QQQ'), '5000 QQQ');
  });

  it('shortens ids only, and folds long values with their count', () => {
    assert.equal(shortId(`sha256:${'ab'.repeat(32)}`), 'ababab…ababab');
    assert.ok(isId('0193fd0a-4c1e-7b12-8aaa-0123456789ab'));
    assert.ok(!isId('ACME'));
    assert.equal(fold('short'), null);
    assert.equal(fold('x'.repeat(1234))?.count, '1,234');
  });

  it('finds instants and receipts in an answer, and leaves everything else as it was written', () => {
    const receipt = '019e0acb-9610-7000-9a31-4616b0519052';
    assert.deepEqual(pieces(`Open until 2026-11-24 00:44 UTC.\nReceipt ${receipt}`), [
      { text: 'Open until ' },
      { instant: '2026-11-24T00:44:00Z' },
      { text: '.\nReceipt ' },
      { receipt },
    ]);
    for (const text of ['', `${receipt} alone`, 'on 2026-13-45 99:99 UTC', 'Receipt 42 <b>'])
      assert.deepEqual(pieces(text), text === '' ? [] : [{ text }]);
  });

  it('keeps links to this site and the web, and drops what could run or deceive', () => {
    assert.equal(safeUrl('/approvals/dec_1'), '/approvals/dec_1');
    assert.equal(safeUrl('https://example.com/x'), 'https://example.com/x');
    for (const url of [
      'javascript:alert(1)',
      ' javascript:alert(1)',
      '//evil.example',
      '/\\evil.example',
      'data:text/html,x',
      '',
    ]) {
      assert.equal(safeUrl(url), null, url);
    }
  });
});
