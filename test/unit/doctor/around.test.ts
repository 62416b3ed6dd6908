import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  flowGuardFindings,
  gatewayFindings,
  killSwitchFindings,
  n8nFindings,
  receiptsFindings,
  sandboxFindings,
} from '../../../gateway/doctor/around.ts';
import { brief, now, textOf } from './support.ts';

describe('what is around', () => {
  it('the flow guard holds, and each exemption is told with its reason', () => {
    assert.deepEqual(brief(flowGuardFindings('enforce', [], now)), ['ok flow-guard']);
    assert.deepEqual(brief(flowGuardFindings('warn', [], now)), ['note flow-guard']);
    assert.deepEqual(brief(flowGuardFindings('off', [], now)), ['warn flow-guard']);
    const entry = { workflow: 'w1', node: 'Send', reason: 'Posts the public status.', owner: 'approver-a' };
    const held = flowGuardFindings('enforce', [entry, { ...entry, until: '2026-11-10' }], now);
    assert.deepEqual(brief(held).slice(1), ['note exemptions', 'note exemptions']);
    assert.match(textOf(held), /"Send" of the workflow "w1".*approver-a answers: Posts the public status/);
    const over = flowGuardFindings('enforce', [{ ...entry, until: '2026-11-09' }], now);
    assert.deepEqual(brief(over).slice(1), ['warn exemptions']);
  });

  it('kill switches that are on say how to turn them off', () => {
    assert.deepEqual(brief(killSwitchFindings([])), ['ok kill-switch']);
    const on = { by: 'admin', since: '2026-11-10T11:00:00Z', reason: 'a drill' };
    const findings = killSwitchFindings([
      { ...on, target: 'all' },
      { ...on, target: 'session:slack:T1:x' },
    ]);
    assert.deepEqual(brief(findings), ['warn kill-switch', 'warn kill-switch']);
    assert.match(
      textOf(findings),
      /kill-switch off --reason[\s\S]*kill-switch off --session 'slack:T1:x' --reason/,
    );
  });

  it('receipts are sealed within a minute, and witnessed', () => {
    const good = { sealed: 9, heads: 2, unsealed: 3, oldestSeconds: 60 };
    assert.deepEqual(brief(receiptsFindings(good)), ['ok heads', 'ok sealing']);
    assert.deepEqual(brief(receiptsFindings({ ...good, oldestSeconds: 61 })), ['ok heads', 'warn sealing']);
    assert.deepEqual(brief(receiptsFindings({ ...good, heads: 0 })), ['warn heads', 'ok sealing']);
    assert.deepEqual(brief(receiptsFindings({ ...good, heads: 0, sealed: 0 })), ['ok heads', 'ok sealing']);
  });

  it('n8n answers', () => {
    assert.deepEqual(brief(n8nFindings('http://n', { status: 200 })), ['ok n8n']);
    assert.deepEqual(brief(n8nFindings('http://n', { status: 503 })), ['fail n8n']);
    assert.deepEqual(brief(n8nFindings('http://n', { unreachable: 'ECONNREFUSED' })), ['fail n8n']);
  });

  it('the running gateway is ready, or says what is not well', () => {
    assert.deepEqual(brief(gatewayFindings(null)), ['note gateway']);
    assert.deepEqual(brief(gatewayFindings({ database: { state: 'ok' } })), ['ok gateway']);
    const findings = gatewayFindings({
      database: { state: 'ok' },
      people: { state: 'warn', text: 'line\n  3' },
      n8n: { state: 'down' },
    });
    assert.deepEqual(brief(findings), ['warn gateway', 'fail gateway']);
    assert.match(textOf(findings), /people: line 3/);
  });

  it('a sandbox is no must, and says what it lacks', () => {
    const good = { origin: 'http://r', token: true, answer: { status: 200 } };
    assert.deepEqual(brief(sandboxFindings(good)), ['ok sandbox']);
    for (const change of [{ origin: null, answer: null }, { token: false }, { answer: { status: 503 } }])
      assert.deepEqual(brief(sandboxFindings({ ...good, ...change })), ['note sandbox']);
  });
});
