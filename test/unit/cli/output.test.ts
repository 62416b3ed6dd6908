import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { printTable } from '../../../gateway/cli/output.ts';

test('attack: a stranger’s name cannot drive the terminal of the administrator who pairs them', () => {
  const written: string[] = [];
  const write = mock.method(process.stdout, 'write', (chunk: string) => written.push(chunk) > 0);
  printTable(['ID', 'NAME'], [['U1', 'Eve\u001b[2J\u001b]0;pwned\u0007\r\nX9  Alice\u202egnp']], 'none');
  write.mock.restore();
  assert.equal(
    written.join(''),
    'ID  NAME\nU1  Eve\\u{1b}[2J\\u{1b}]0;pwned\\u{7}\\u{d}\\u{a}X9  Alice\\u{202e}gnp\n',
  );
});
