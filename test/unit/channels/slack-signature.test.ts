import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { verifySlackSignature } from '../../../gateway/channels/slack/verify.ts';

const body = Buffer.from('{"type":"event_callback"}');
const receivedAt = new Date('2026-11-01T10:00:00Z');
const signedWith = (secret: string) => {
  const stamp = String(receivedAt.getTime() / 1000);
  const signature = createHmac('sha256', secret).update(`v0:${stamp}:`).update(body).digest('hex');
  const headers = { 'x-slack-request-timestamp': stamp, 'x-slack-signature': `v0=${signature}` };
  return { path: '/channels/slack/events', headers, body, receivedAt };
};

test('while the signing secret is replaced, either of the two is taken, and nothing else', () => {
  verifySlackSignature('new former', signedWith('former'));
  verifySlackSignature('new former', signedWith('new'));
  verifySlackSignature('new', signedWith('new'));
  for (const wrong of ['other', 'new former', ''])
    assert.throws(() => verifySlackSignature('new former', signedWith(wrong)), { code: 'GH-CHANNEL-002' });
  assert.throws(() => verifySlackSignature('new', signedWith('former')), { code: 'GH-CHANNEL-002' });
});
