import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModels, createPrompts, modelKeys } from '../../../gateway/agent/index.ts';
import { choose, languageOf, type Model } from '../../../gateway/agent/models/index.ts';
import { catalogueFindings } from '../../../gateway/doctor/catalogue.ts';
import { secretsInUse } from '../../../gateway/vault/index.ts';
import { FakeOpenAi } from '../../fixtures/openai/index.ts';
import { policiesDir, policiesWith } from '../policy/support.ts';
import { asked, openRun } from './house.ts';
import { calls, plainModels, runIn, site } from './support.ts';

const file = (text: string, context: Parameters<typeof policiesWith>[1]) =>
  policiesWith({ 'models.yaml': text }, context);

test('without models.yaml there is no model, and the prompts that are shipped can be rendered', async () => {
  const models = await createModels({ policiesDir });
  assert.deepEqual([models.version, models.file(), models.of('plan')], [null, null, []]);
  assert.deepEqual((await createPrompts({ policiesDir })).names(), [
    'classify',
    'code',
    'conversation',
    'draft',
    'extract',
    'plan',
    'summarise',
  ]);
});

test('every fault of models.yaml is named with its line, and the start stops', async (context) => {
  const folder = await file(
    `endpoints:
  far: { url: 'http://llm.example.com/v1' }
models:
  one: { endpoint: nowhere, class: large }
tasks:
  plan: [one, two]
  dance: [one]
`,
    context,
  );
  await assert.rejects(createModels({ policiesDir: folder }), (error: Error & { code: string }) => {
    assert.equal(error.code, 'GH-AGENT-001');
    assert.match(error.message, /models\.yaml:7: tasks\.dance/);
    return true;
  });
  const fewer = await file(
    `endpoints:
  far: { url: 'http://llm.example.com/v1' }
models:
  one: { endpoint: nowhere, class: large }
tasks: { plan: [one, two] }
`,
    context,
  );
  await assert.rejects(createModels({ policiesDir: fewer }), (error: Error) => {
    for (const line of [
      /:2: endpoints\.far\.url: only a local/,
      /:4: models\.one\.endpoint/,
      /:5: tasks\.plan\.1/,
    ])
      assert.match(error.message, line);
    return true;
  });
});

test('a prompt that names what it does not declare is found at the start, with its line', async (context) => {
  const folder = await policiesWith(
    {
      'prompts/plan.md': '---\npurpose: x\ninputs: [task]\nversion: 1\n---\n<%= it.task %> <%= it.user %>\n',
    },
    context,
  );
  await assert.rejects(createPrompts({ policiesDir: folder }), /plan\.md:6: .*user is not among the inputs/);
});

const model = (name: string, highest: Model['at']['highest'], local: boolean): Model => ({
  ...{
    name,
    endpoint: name,
    class: 'large',
    price: { in: '0', out: '0' },
    context: 1000,
    output: 100,
    timeoutSeconds: 5,
  },
  at: { url: `https://${name}.example.com/v1`, api: 'chat', local, networks: [], highest },
});

test('data above the class of an endpoint is never sent there, also where all others are away', () => {
  const models = [model('local', 'personal', true), model('remote', 'internal', false)];
  const need = { modelClass: null, tokens: 10, language: null };
  const away = (one: Model): boolean => one.name === 'local';
  assert.deepEqual(
    choose(models, { ...need, dataClass: 'internal' }, away).models.map(({ name }) => name),
    ['remote'],
  );
  for (const dataClass of ['confidential', 'personal'] as const)
    assert.deepEqual(choose(models, { ...need, dataClass }, away), {
      models: [],
      passed: [
        { model: 'local', why: 'resting' },
        { model: 'remote', why: 'data_class' },
      ],
    });
});

test('each choice says why others were passed over', () => {
  const models = [
    model('small', 'personal', true),
    model('short', 'personal', true),
    model('good', 'personal', true),
  ];
  models[0]!.class = 'small';
  models[1]!.context = 150;
  const { models: able, passed } = choose(
    models,
    { modelClass: 'large', dataClass: 'public', tokens: 60, language: null },
    () => false,
  );
  assert.deepEqual(
    [able.map(({ name }) => name), passed.map(({ why }) => why)],
    [['good'], ['class', 'context']],
  );
});

/** Two endpoints, the first choice first. */
const two = (first: string, second: string, highest = 'personal', api = 'chat'): string => `
endpoints:
  first: { url: '${first}', secret: model/key, local: true, highest: personal }
  second: { url: '${second}', secret: model/key, local: true, highest: ${highest}, api: ${api} }
models:
  one: { endpoint: first, class: large, output: 1000 }
  two: { endpoint: second, class: large, output: 1000 }
tasks: { plan: [one, two] }
`;

test('a model that is away is passed over, left alone after some failures, and the receipt says so', async (context) => {
  const second = await new FakeOpenAi().start();
  context.after(() => second.stop());
  const at = await site(context, (url) => two(url, second.url, 'personal', 'responses'));
  const house = await at.house();
  house.agent.work();
  at.model.script = () => ({ status: 503 });
  let turn = 0;
  second.script = () =>
    (turn += 1) < 5 ? calls(['files.list', { folder: `f${turn}` }]) : { text: 'At last.' };
  const run = await openRun(house.pool);
  const { id } = await house.agent.start(run, asked());
  assert.equal((await runIn(house, run, id, 'done')).result?.text, 'At last.');
  assert.equal(at.model.asked.length, 3, 'then its breaker keeps it from being asked');
  const { rows } = await house.pool.query<{ facts: { model: string; passed: string[] } }>(
    `select facts from receipts where kind = 'agent.model' and message_id = $1 order by id`,
    [run.messageId],
  );
  assert.deepEqual([rows[1]?.facts.model, rows[1]?.facts.passed], ['two', ['one:failed']]);
  assert.deepEqual(rows.at(-1)?.facts.passed, ['one:resting']);
  assert.deepEqual([at.model.problems, second.problems], [[], []]);
});

test('the fallback never takes what was read to an endpoint below its class', async (context) => {
  const second = await new FakeOpenAi().start();
  context.after(() => second.stop());
  const at = await site(context, (url) => two(url, second.url, 'internal'));
  const house = await at.house();
  house.agent.work();
  const run = await openRun(house.pool);
  // As if a tool had returned what is personal.
  await house.pool.query(`insert into session_tools (session_key, tool) values ($1, 'crm.contacts.search')`, [
    run.sessionKey,
  ]);
  at.model.script = () => ({ status: 503 });
  const { id } = await house.agent.start(run, asked());
  await runIn(house, run, id, 'waiting');
  assert.equal(second.asked.length, 0);
});

test('what the session hears between two questions keeps the next one from an endpoint below its class', async (context) => {
  const at = await site(context, (url) => plainModels(url).replace('highest: personal', 'highest: internal'));
  const house = await at.house();
  const run = await openRun(house.pool);
  at.model.script = async () => {
    // As if another run of the session had read what is personal while the model thinks.
    await house.pool.query(
      `insert into session_tools (session_key, tool) values ($1, 'crm.contacts.search')`,
      [run.sessionKey],
    );
    return calls(['files.list', { folder: 'f' }]);
  };
  const { id } = await house.agent.start(run, asked());
  house.agent.work();
  const ended = await runIn(house, run, id, 'failed');
  assert.equal(ended.endedBy, 'no_model_fits');
  assert.equal(at.model.asked.length, 1);
});

test('neither the key nor what was said stands in a log, a receipt, an error or the journal’s facts', async (context) => {
  const at = await site(context);
  const lines: string[] = [];
  const note = (...given: unknown[]): void =>
    void lines.push(
      JSON.stringify(given, (_key, value: unknown) =>
        value instanceof Error ? `${value.message} ${value.stack}` : value,
      ),
    );
  const log = new Proxy({}, { get: () => note }) as never;
  const house = await at.house(undefined, log);
  house.agent.work();
  at.model.script = ({ turns }) =>
    turns.length > 4 ? { status: 500 } : calls(['files.list', { folder: 'geheim' }]);
  const run = await openRun(house.pool, { text: 'the secret words of mine' });
  const { id } = await house.agent.start(run, asked({ input: { mail: 'their secret words' } }));
  await runIn(house, run, id, 'waiting');
  await house.agent.stop(run, id);
  const rows = async (sql: string): Promise<string> => JSON.stringify((await house.pool.query(sql)).rows);
  const facts = await rows('select kind, facts from receipts');
  const whole =
    (await rows('select * from agent_runs')) +
    (await rows('select * from agent_steps')) +
    facts +
    lines.join();
  assert.ok(lines.length > 0 && !whole.includes(at.model.key));
  assert.doesNotMatch(
    facts + lines.join() + (await rows('select facts from agent_steps')),
    /secret words|geheim/,
  );
  const leases = await house.pool.query(`select from leases where secret = 'model/key' and ended_at is null`);
  assert.equal(leases.rows.length, 0);
});

test('the keys of models are secrets in use, like those of tools', async (context) => {
  const text = `
endpoints:
  here: { url: 'http://127.0.0.1:8089/v1', local: true }
  cloud: { url: 'https://llm.example.com/v1', secret: llm/key }
models:
  small: { endpoint: here, class: small }
  large: { endpoint: cloud, class: large }
tasks: { plan: [large, small] }
`;
  const policiesDir = await policiesWith({ 'models.yaml': text }, context);
  const keys = await modelKeys({ policiesDir });
  assert.deepEqual(secretsInUse(keys), new Map([['llm/key', ['model:large']]]));
  const [, missing] = catalogueFindings({ tools: [], keys, faults: [] }, []);
  assert.match(missing?.text ?? '', /The secret llm\/key is not set; without it model:large cannot run/);
});

test('a model may be for some languages and lengths of a task alone, and the choice says so', async (context) => {
  const text = `
endpoints: { here: { url: 'http://127.0.0.1:8089/v1', local: true } }
models:
  small: { endpoint: here, class: small }
  large: { endpoint: here, class: large }
tasks:
  plan: [{ model: small, languages: [en, de], upTo: 1000 }, large]
  draft: [small]
`;
  const models = await createModels({ policiesDir: await file(text, context) });
  const chosen = (tokens: number, language: ReturnType<typeof languageOf>) => {
    const need = { modelClass: null, dataClass: 'internal', tokens, language } as const;
    const { models: able, passed } = choose(models.of('plan'), need, () => false);
    return [able.map(({ name }) => name), passed.map(({ why }) => why)];
  };
  assert.deepEqual(chosen(1000, 'de'), [['small', 'large'], []]);
  assert.deepEqual(chosen(1001, 'en'), [['large'], ['length']]);
  assert.deepEqual(chosen(10, 'fr'), [['large'], ['language']]);
  assert.deepEqual(chosen(10, null), [['large'], ['language']]);
  const wrong = await file(
    text.replace('[en, de]', '[xx]').replace('draft: [small]', 'draft: [{ model: none }]'),
    context,
  );
  await assert.rejects(createModels({ policiesDir: wrong }), { code: 'GH-AGENT-001' });
});

test('a language is told by its common words, and a short or mixed text is in none', () => {
  const told: [string, string | null][] = [
    ['Please find the overdue invoices in this file and draft reminders for them.', 'en'],
    ['Bitte such die offenen Rechnungen in der Datei und schreib eine Mahnung für die Kunden.', 'de'],
    ['Veuillez chercher les factures dans le fichier et préparer une lettre pour vous.', 'fr'],
    ['Busca las facturas que están en el archivo y escribe una carta para los clientes.', 'es'],
    ['Zoek de facturen die in het bestand staan en schrijf een brief voor onze klanten.', 'nl'],
    ['invoice 42', null],
    ['', null],
    ['the and is der die das', null],
  ];
  for (const [text, language] of told) assert.equal(languageOf(text), language, text);
});
