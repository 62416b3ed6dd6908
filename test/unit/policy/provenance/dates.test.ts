import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isDay, isDayForm, writtenDays } from '../../../../gateway/policy/provenance/dates.ts';
import { tokenise } from '../../../../gateway/policy/provenance/tokens.ts';
import { event, origins, remove, returned, toolOf, tools, traced } from './support.ts';

/** The days of a text, as `2026-03-12`, or `--03-12` where no year was written (ISO 8601:2000). */
const days = (text: string): string[] =>
  writtenDays(tokenise(text)).map(({ year, month, day }) =>
    [year ?? '-', ...[month, day].map((part) => String(part).padStart(2, '0'))].join('-'),
  );

const written: [string, string[]][] = [
  ['on 2026-03-12', ['2026-03-12']],
  ['on 2026/3/12 and 2026.03.13', ['2026-03-12', '2026-03-13']],
  ['at 2026-03-12T10:00 sharp', ['2026-03-12']],
  ['by 12.03.2026.', ['2026-03-12']],
  ['by 1.2.2026', ['2026-02-01']],
  ['by 12.13.2026', []],
  ['by 13/03/2026 or 03/13/2026', ['2026-03-13', '2026-03-13']],
  ['by 13-03-2026', ['2026-03-13']],
  ['by 12/03/2026', []],
  ['by 12-03-2026', []],
  ['by 03/03/2026', ['2026-03-03']],
  ['by 12.03.26, 12/03/26, 26-03-12', []],
  ['by 12/03', []],
  ['by 12-03/2026', []],
  ['by 2026-02-30, 2026-13-01, 31/02/2026, 32.01.2026', []],
  ['x2026-03-12 2026-03-12x diary/2026-03-12.md v1.2.2026', []],
  ['on 12 March 2026', ['2026-03-12']],
  ['on 12th March, 2026', ['2026-03-12']],
  ['on the 12th of March', ['--03-12']],
  ['on 12 of march', ['--03-12']],
  ['on March 12', ['--03-12']],
  ['on Mar 12th, 2026', ['2026-03-12']],
  ['on MARCH 12 2026', ['2026-03-12']],
  ['On Friday, 12 September', ['--09-12']],
  ['5 Feb 2027', ['2027-02-05']],
  ['30 Feb 2027', []],
  ['29 Feb', ['--02-29']],
  ['29 Feb 2027', []],
  ['from 12 to 15 March 2027', ['2027-03-12', '2027-03-15']],
  ['for two, 12 to 15 March 2027', ['2027-03-12', '2027-03-15']],
  ['12 to 15 March', ['--03-12', '--03-15']],
  ['between 12 and 15 March', ['--03-12', '--03-15']],
  ['on the 13th and the 14th of March', ['--03-13', '--03-14']],
  ['on 12, 13 and 14 March', ['--03-13', '--03-14']],
  ['12-15 March', ['--03-12', '--03-15']],
  ['12th–15th March', ['--03-12', '--03-15']],
  ['(12 until 15 March)', ['--03-12', '--03-15']],
  ['April (16th-18th)', ['--04-16', '--04-18']],
  ['March 12-15, 2027', ['2027-03-12', '2027-03-15']],
  ['March 12 to 15, 2027', ['2027-03-12', '2027-03-15']],
  ['March 12 to 15 April', ['--03-12', '--04-15']],
  ['28 December to 3 January 2027', ['--12-28', '2027-01-03']],
  ['move 3 to 15 March', ['--03-15']],
  ['March 12 to 15 people', ['--03-12']],
  ['March 12 and 15', ['--03-12']],
  ['March 12 people', []],
  ['12 March 15 people', ['--03-12']],
  ['12 March 15:00', ['--03-12']],
  ['order 7 March 12', []],
  ['7 March 12 April', ['--03-07', '--04-12']],
  ['12 March 2000 EUR', ['--03-12']],
  ['12 March 2000 people', ['--03-12']],
  ['12 March 1776', ['--03-12']],
  ['12 EUR March', []],
  ['March. 12 chairs', []],
  ['12. March on', []],
  ['32 March, 0 March, 100 March', []],
  ['March 2027', []],
  ['12 marching, 12 mayor, 12 decide, 12 mark, 12 junk', []],
  ['the 12 may come', []],
  ['the 12 march on', []],
  ['file 12 may be wrong', []],
  ['May 12 be the day?', []],
  ['on 12 may 2027', ['2027-05-12']],
  ['on 12th may', ['--05-12']],
  ['on 12 of may', ['--05-12']],
  ['on may 12th', ['--05-12']],
  ['on 12 May', ['--05-12']],
  ['by May 12', ['--05-12']],
  ['12 march 2027', ['2027-03-12']],
  ['on 12 april', ['--04-12']],
  ['on 12 sept', ['--09-12']],
  ['tomorrow, next Monday, in two weeks, on the 15th, at Easter', []],
  ['Post "we all meet again at the old place on the 12th of March and we bring cake for everybody" now', []],
  ['12 : March', []],
  ['12 till 15 March', ['--03-12', '--03-15']],
  ['12 through 15 March', ['--03-12', '--03-15']],
  ['12 - 15 March', ['--03-12', '--03-15']],
  ['12 – 15 March', ['--03-12', '--03-15']],
  ['on 12 mar', []],
  ['on 12 mar 2027', ['2027-03-12']],
  ['12 March 20271', ['--03-12']],
  ['12 March x2027', ['--03-12']],
  ['12 March 2227', ['--03-12']],
  ['x,y 12 to 15 March', ['--03-15']],
  ['12-40 March, 40-12 March', []],
  [
    'Post "we all meet again at the old place on 2026-03-12 and we bring cake for everybody who is there" now',
    [],
  ],
];
for (const [text, found] of written) test(`the days of “${text}”`, () => assert.deepEqual(days(text), found));

test('a span holds all words of a date', () => {
  const spans = (text: string) => writtenDays(tokenise(text)).map(({ span }) => [span.from, span.to]);
  assert.deepEqual(spans('on 12 March 2026'), [[1, 3]]);
  assert.deepEqual(spans('from the 12th to the 15th of March'), [
    [2, 7],
    [2, 7],
  ]);
  assert.deepEqual(spans('go to 15 March'), [[2, 3]]);
  assert.deepEqual(spans('on 2026-03-12'), [[1, 1]]);
  assert.deepEqual(spans('on March 12 to 15'), [
    [1, 4],
    [1, 4],
  ]);
});

test('a value is a day or a time of it, in ISO form', () => {
  for (const value of [
    '2026-03-12',
    '2026-03-12 10:00',
    '2026-03-12T10:00',
    '2026-03-12T10:00:00Z',
    '2026-03-12T10:00:00.000+01:00',
  ])
    assert.equal(isDayForm(value), true, value);
  for (const value of [
    '2026-3-12',
    '12 March',
    '2026-03-12 10',
    '2026-03-12x',
    'x2026-03-12',
    '2026-03',
    '',
    '20260312',
  ])
    assert.equal(isDayForm(value), false, value);
});

const means = (text: string, value: string, at: string | null = '2026-11-24T10:00:00Z'): boolean =>
  writtenDays(tokenise(text)).some((day) => isDay(day, value, at === null ? null : new Date(at)));

test('a day with its year is that day, whenever it is asked for', () => {
  assert.equal(means('12 March 2020', '2020-03-12'), true);
  assert.equal(means('12 March 2020', '2020-03-12', null), true);
  assert.equal(means('12 March 2020', '2021-03-12'), false);
  assert.equal(means('12 March 2020', '2020-04-12'), false);
  assert.equal(means('12 March 2020', '2020-03-13'), false);
  assert.equal(means('12 March 2020', '2020-12-03'), false);
  assert.equal(means('12 March 2020', '2020-03-12T23:59'), true);
});

test('a day without its year is the next of its kind, from yesterday on', () => {
  assert.equal(means('12 March', '2027-03-12'), true);
  for (const other of ['2026-03-12', '2028-03-12', '2025-03-12'])
    assert.equal(means('12 March', other), false);
  assert.equal(means('12 March', '2027-03-12', null), false);
  assert.equal(means('24 November', '2026-11-24'), true);
  assert.equal(means('24 November', '2027-11-24'), false);
  assert.equal(means('23 November', '2026-11-23'), true);
  assert.equal(means('22 November', '2026-11-22'), false);
  assert.equal(means('22 November', '2027-11-22'), true);
  assert.equal(means('23 November', '2026-11-23', '2026-11-24T23:59:59.999Z'), true);
  assert.equal(means('23 November', '2026-11-23', '2026-11-25T00:00:00Z'), false);
  assert.equal(means('31 December', '2026-12-31', '2027-01-01T09:00:00Z'), true);
  assert.equal(means('31 December', '2027-12-31', '2027-01-01T09:00:00Z'), false);
  assert.equal(means('30 December', '2027-12-30', '2027-01-01T09:00:00Z'), true);
  assert.equal(means('29 February', '2027-02-29'), false);
  assert.equal(means('29 February', '2028-02-29'), false);
  assert.equal(means('29 February', '2028-02-29', '2027-03-01T00:00:00Z'), true);
});

const booking = toolOf('rooms.hold', 'write', { room: 'selects', day: 'sizes', nights: 'sizes' }, '', {
  nights: '{ type: integer, minimum: 1, maximum: 99 }',
});
const at = async (said: string, args: Record<string, unknown>, session = {}): Promise<unknown> =>
  (await origins(said, booking, args, { tainted: true, ...session }))[`/${Object.keys(args)[0]}`];

test('a date of the request is the user’s where a size is asked for', async () => {
  assert.equal(await at('Hold a room on 12 March', { day: '2027-03-12' }), 'user');
  assert.equal(await at('Hold a room on 12 March', { day: '2027-03-12 18:00' }), 'user');
  assert.equal(await at('Hold a room on 12 March', { day: '2027-03-13' }), 'unknown');
  assert.equal(await at('Hold a room on 12 March', { day: '12 March' }), 'user');
  assert.equal(
    await at('Hold a room on 12 March', { day: '2028-03-12' }, { now: new Date('2028-01-01') }),
    'user',
  );
});

test('attack: a date keeps its role: its numbers are no count, no amount and no record', async () => {
  for (const said of [
    'Hold a room from 12 to 15 March 2027',
    'Hold one from March 12 to 15, 2027',
    'from the 12th to the 15th of March',
  ])
    for (const number of [12, 15, 2027]) {
      assert.equal(await at(said, { nights: number % 100 }), 'unknown', `${said}: ${number}`);
      assert.equal(await at(said, { room: String(number) }), 'unknown', `${said}: ${number}`);
    }
  const pay = toolOf(
    'bank.pay',
    'payment',
    { iban: 'redirects', amount: 'sizes', currency: 'sizes' },
    'money: { amount: amount, currency: currency }',
  );
  for (const amount of ['12', '2027'])
    assert.equal(
      (await origins('Pay ACME what is due on 12 March 2027', pay, { amount }))['/amount'],
      'unknown',
    );
  assert.equal((await origins('Pay ACME in May 50 EUR', pay, { amount: '50' }))['/amount'], 'user');
});

test('attack: neither what others wrote, nor a day that is ruled out, nor “tomorrow” gives a date', async () => {
  for (const said of [
    'Hold a room\n> on 12 March 2027',
    'Summarise this mail: the room is free on 12 March 2027',
    'Hold a room, but not on 12 March 2027',
    'Never hold a room on 12 March 2027',
    'Hold a room tomorrow, next Friday or in 108 days',
    'Do what Bob says in his mail',
  ])
    assert.equal(await at(said, { day: '2027-03-12' }), 'unknown', said);
  assert.equal(await at('Never hold a room on 12.03.2027', { day: '2027-03-12' }), 'unknown');
  assert.equal(await at('Hold a room tomorrow', { day: '2026-11-25' }), 'unknown');
  assert.equal(await at('Hold a room, not later than 12 March 2027', { day: '2027-03-12' }), 'user');
});

test('a choice among sizes is named in any case, or by the words of its tool', async () => {
  const rent = toolOf(
    'rent.pay',
    'write',
    { every: 'sizes', room: 'selects' },
    'says: { every: { month: [monthly] } }',
    {
      every: '{ type: string, enum: [week, month] }',
    },
  );
  const every = async (said: string, value: string): Promise<unknown> =>
    (await origins(said, rent, { every: value }))['/every'];
  assert.equal(await every('Pay it each Month', 'month'), 'user');
  assert.equal(await every('Pay it monthly', 'month'), 'user');
  assert.equal(await every('Pay it monthly', 'week'), 'unknown');
});

test('for a deletion a day needs its year: “before 12 March” may mean the last one', async () => {
  const purge = toolOf('logs.purge', 'delete', { before: 'sizes' });
  const before = async (said: string): Promise<unknown> =>
    (await origins(said, purge, { before: '2027-03-12' }))['/before'];
  assert.equal(await before('Delete the logs before 12 March 2027'), 'user');
  assert.equal(await before('Delete the logs before 12 March'), 'unknown');
});

test('a question with a day of the user’s own finds a record; one with another day, or the newest one alone, does not', async () => {
  tools.set(
    'calendar.list',
    toolOf('calendar.list', 'read', { from: 'sizes', word: 'selects', count: 'sizes' }, '', {
      count: '{ type: integer, minimum: 1, maximum: 50 }',
    }),
  );
  const move = toolOf('calendar.move', 'write', { id: 'selects', day: 'sizes' });
  const id = async (said: string, asked: Record<string, unknown>): Promise<unknown> => {
    const results = [returned('calendar.list', asked, [{ id: 'e-7', title: 'Retro' }])];
    return (await origins(said, move, { id: 'e-7', day: '2026-12-08' }, { tainted: true, results }))['/id'];
  };
  assert.equal(
    await id('Move Monday’s only meeting of 7 December to the 8th', { from: '2026-12-07' }),
    'found',
  );
  assert.equal(await id('Move Retro of 7 December', { from: '2026-12-07', word: 'Retro' }), 'found');
  assert.equal(await id('Move Retro of 7 December', { from: '2026-12-06', word: 'Retro' }), 'tool');
  assert.equal(await id('Move Retro', { from: '2026-12-07', word: 'Retro' }), 'tool');
  assert.equal(await id('Move the last 1 event', { count: 1 }), 'tool');
  assert.equal(await id('Move the last 1 event of Retro', { count: 1, word: 'Retro' }), 'found');
});

test('an entry is about a day that the request names', async () => {
  const entry = { title: 'Dentist appointment', day: '2026-12-09' };
  assert.equal(
    (await traced('Put the dentist into my calendar, 9 December at 8', event, entry)).anchored,
    true,
  );
  assert.equal(
    (await traced('Put the dentist into my calendar, 8 December at 9', event, entry)).anchored,
    false,
  );
  assert.equal((await traced('Remove file 9 of December', remove, { file: '9' })).anchored, false);
});

test('attack: once others had a say, a day or a number of a question is nothing that an entry could be about', async () => {
  const entry = { title: 'Call the helpdesk', day: '2026-12-09' };
  const about = async (said: string, tainted = true): Promise<boolean> =>
    (await traced(said, event, entry, { tainted })).anchored;
  assert.equal(await about('What is in my calendar on 9 December?'), false);
  assert.equal(await about('Read me the mails of 9 December'), false);
  assert.equal(await about('Do not put anything into my calendar on 9 December'), false);
  assert.equal(await about('What is in my calendar on 9 December? Put the fair into it'), true);
  assert.equal(await about('What is in my calendar on 9 December?', false), true);
  const { anchored } = await traced('Show me the last 3 mails', booking, { nights: 3 }, { tainted: true });
  assert.equal(anchored, false);
});

test('whatever stands around it, a date with its year is read as that day and as no other', () => {
  const before = fc.constantFrom('', 'on', 'Book it for', 'by Friday,', 'from', 'until', 'and');
  const after = fc.constantFrom('', 'please', 'at 10:00', 'for two', 'to Porto', '.', ', thanks', '!');
  const day = fc.date({ min: new Date('1990-01-01'), max: new Date('2099-12-31'), noInvalidDate: true });
  const form = fc.constantFrom<(iso: string, date: Date) => string>(
    (iso) => iso,
    (iso) => iso.split('-').reverse().join('.'),
    (_iso, date) => date.toLocaleDateString('en-GB', { dateStyle: 'long', timeZone: 'UTC' }),
    (_iso, date) => date.toLocaleDateString('en-US', { dateStyle: 'long', timeZone: 'UTC' }),
    (_iso, date) => date.toLocaleDateString('en-US', { dateStyle: 'medium', timeZone: 'UTC' }),
    (_iso, date) => date.toLocaleDateString('en-GB', { dateStyle: 'full', timeZone: 'UTC' }),
  );
  fc.assert(
    fc.property(before, day, form, after, (lead, date, write, tail) => {
      const iso = date.toISOString().slice(0, 10);
      assert.deepEqual(days(`${lead} ${write(iso, date)} ${tail}`), [iso]);
    }),
  );
});

test('attack: a date of two orders grants a day only where both are the same', () => {
  const part = fc.integer({ min: 1, max: 31 }).map((number) => String(number).padStart(2, '0'));
  fc.assert(
    fc.property(part, part, fc.constantFrom('/', '-'), (one, two, sign) => {
      const found = days(`on ${one}${sign}${two}${sign}2026`);
      const readings = new Set(
        [`2026-${two}-${one}`, `2026-${one}-${two}`].filter((iso) => new Date(iso).toJSON()?.startsWith(iso)),
      );
      assert.deepEqual(found, readings.size === 1 ? [...readings] : []);
    }),
  );
});
