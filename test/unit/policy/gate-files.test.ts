import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readApprovalClasses } from '../../../gateway/policy/approval-classes.ts';
import { policiesWith } from './support.ts';

const faults: [string, string, RegExp][] = [
  ...['code', 'prod_write'].map((risk): [string, string, RegExp] => [
    `a class ${risk} that would ask nobody`,
    `${risk}: { groups: [a], quorum: 1, unasked: {} }`,
    new RegExp(`approvals\\.yaml:2: classes\\.${risk}\\.unasked: .*always asked about`),
  ]),
  ...['delete', 'access'].flatMap((risk): [string, string, RegExp][] => [
    [
      `a class ${risk} that would ask nobody for a small call`,
      `${risk}: { groups: [a], quorum: 1, unasked: {} }`,
      new RegExp(`approvals\\.yaml:2: classes\\.${risk}\\.unasked: .*own words only: ownWords: true`),
    ],
    [
      `a class ${risk} with amounts`,
      `${risk}: { groups: [a], quorum: 1, unasked: { ownWords: true, upTo: [{ currency: EUR, amount: '1.00' }] } }`,
      new RegExp(`classes\\.${risk}\\.unasked: amounts open nothing`),
    ],
  ]),
  ...['payment', 'outbound', 'unclassified'].map((risk): [string, string, RegExp] => [
    `a class ${risk} that its requester's words would open`,
    `${risk}: { groups: [a], quorum: 1, unasked: { ownWords: true } }`,
    new RegExp(`classes\\.${risk}\\.unasked: only delete and access open`),
  ]),
  [
    'hours that end before they begin',
    `code: { groups: [a], quorum: 1, hours: { days: [mon], from: '18:00', to: '08:00', otherwise: deny } }`,
    /approvals\.yaml:2: classes\.code\.hours: it ends before it begins/,
  ],
  [
    'an unknown zone',
    `code: { groups: [a], quorum: 1, hours: { days: [mon], from: '08:00', to: '09:00', zone: Mars, otherwise: deny } }`,
    /hours\.zone: is not a time zone/,
  ],
  [
    'hours that do not say what happens outside them',
    `code: { groups: [a], quorum: 1, hours: { days: [mon], from: '08:00', to: '09:00' } }`,
    /hours\.otherwise/,
  ],
  [
    'a time that is none',
    `code: { groups: [a], quorum: 1, hours: { days: [mon], from: '25:00', to: '26:00', otherwise: deny } }`,
    /hours\.from/,
  ],
  [
    'production as a place to confirm alone',
    'code: { groups: [a], quorum: 1, confirmIn: [production] }',
    /confirmIn/,
  ],
  ['roles that are nobody', 'code: { groups: [a], quorum: 1, roles: [] }', /classes\.code\.roles/],
  [
    'an amount as a number',
    'payment: { groups: [a], quorum: 1, unasked: { upTo: [{ currency: EUR, amount: 50 }] } }',
    /unasked\.upTo\.0\.amount/,
  ],
];
for (const [name, entry, fault] of faults) {
  test(`approvals.yaml with ${name} is refused by file, line and fault`, async (context) => {
    const folder = await policiesWith({ 'approvals.yaml': `classes:\n  ${entry}\n` }, context);
    await assert.rejects(readApprovalClasses(folder), { code: 'GH-POLICY-011', message: fault });
  });
}

for (const name of ['blast', 'firstTime']) {
  test(`a quorum of ${name} that the groups cannot reach is refused`, async (context) => {
    const raised = name === 'blast' ? '{ recipients: 10, quorum: 3 }' : '{ quorum: 3 }';
    const text = `classes:\n  payment: { groups: [a], quorum: 1, ${name}: ${raised} }\n`;
    const classes = await readApprovalClasses(await policiesWith({ 'approvals.yaml': text }, context));
    classes.check({ byGroups: () => [1, 2, 3] });
    assert.throws(() => classes.check({ byGroups: () => [1, 2] }), {
      message: new RegExp(`approvals\\.yaml:2: classes\\.payment\\.${name}\\.quorum: 3 have to agree`),
    });
  });
}
