import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { catalogueFindings } from '../../../gateway/doctor/catalogue.ts';
import type { Finding } from '../../../gateway/doctor/finding.ts';
import { overridesFindings, rulesFindings } from '../../../gateway/doctor/rules.ts';
import { brief, now, textOf } from './support.ts';

describe('rules', () => {
  it('name what is one’s own, and warn of a gateway that decides by others', () => {
    const same = rulesFindings({ own: [], version: 'sha256:aa', inUse: 'sha256:aa' });
    assert.deepEqual(brief(same), ['ok rules', 'ok own-rules', 'ok version']);
    const other = rulesFindings({ own: ['night.rego'], version: 'sha256:aa', inUse: 'sha256:bb' });
    assert.deepEqual(brief(other), ['ok rules', 'ok own-rules', 'warn version']);
    assert.match(textOf(other), /night\.rego[\s\S]*by version bb, and the files are version aa/);
  });
});

describe('overrides', () => {
  const entry = {
    rule: 'role_reads_only',
    tools: ['tickets.close'],
    owner: 'approver-a',
    reason: 'the viewers close old tickets',
  };
  const found = (until: string, change: object = {}): Finding | undefined =>
    overridesFindings([{ ...entry, until, ...change }], now)[0];

  it('are noted with rule, tools, owner, last day and reason while they hold', () => {
    assert.deepEqual(brief(overridesFindings([], now)), ['ok overrides']);
    const { state, text } = found('2027-01-01T00:00:00Z') as Finding;
    assert.equal(state, 'note');
    assert.equal(
      text,
      'role_reads_only for tickets.close by approver-a is lifted, its last day is 2026-12-31: the viewers close old tickets.',
    );
  });

  it('are warned of when they end soon, hold for everything, or are over', () => {
    assert.equal(found('2026-11-24T13:00:00Z')?.state, 'note');
    assert.equal(found('2026-11-24T12:00:00Z')?.state, 'warn');
    const everywhere = found('2027-01-01T00:00:00Z', { tools: null }) as Finding;
    assert.deepEqual([everywhere.state, /all tools by approver-a/.test(everywhere.text)], ['warn', true]);
    assert.match(found('2026-11-11T00:00:00Z')?.text ?? '', /last day is 2026-11-10/);
    const over = found('2026-11-10T12:00:00Z') as Finding;
    assert.equal(over.state, 'warn');
    assert.match(
      `${over.text} ${over.next}`,
      /approver-a expired, its last day was 2026-11-09.*Remove it from/,
    );
  });
});

describe('tools', () => {
  const tool = { name: 'tickets.close', secret: 'tickets/postgres', egress: undefined };
  const web = {
    name: 'web.get',
    secret: undefined,
    egress: { secrets: [{ name: 'web/key', hosts: [] }] },
  } as never;

  it('have the secrets that they name', () => {
    assert.deepEqual(
      brief(catalogueFindings({ tools: [tool, web], faults: [] }, ['tickets/postgres', 'web/key'])),
      ['ok catalogue'],
    );
    const missing = catalogueFindings({ tools: [tool, web], faults: [] }, ['web/key']);
    assert.deepEqual(brief(missing), ['ok catalogue', 'warn tool-secrets']);
    assert.match(textOf(missing), /npx gatehouse secret set tickets\/postgres/);
    assert.match(textOf(catalogueFindings({ tools: [web], faults: [] }, [])), /secret set web\/key/);
  });

  it('may be of systems that nobody here has', () => {
    const unused = {
      name: 'jira.issue.create',
      secret: 'jira/api-token',
      egress: undefined,
      api: {},
    } as never;
    const findings = catalogueFindings({ tools: [unused, tool], faults: [] }, ['tickets/postgres']);
    assert.deepEqual(brief(findings), ['ok catalogue', 'note tool-secrets']);
  });

  it('have no faults', () => {
    const fault = { file: 'a.yaml', line: 3, field: 'risk', fault: 'is missing', remedy: 'Write it.' };
    const findings = catalogueFindings({ tools: [], faults: [fault] }, []);
    assert.deepEqual(brief(findings), ['ok catalogue', 'fail catalogue']);
    assert.match(textOf(findings), /a\.yaml:3: risk: is missing\. Write it\./);
  });
});
