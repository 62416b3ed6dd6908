import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { digest } from '../../../gateway/envelope/index.ts';
import { loadEngine, type Engine } from '../../../gateway/policy/engine.ts';
import { askPolicy } from '../../../gateway/policy/fail-closed.ts';
import {
  buildPolicy,
  findOpa,
  readPolicyData,
  type PolicyInput,
  type Verdict,
} from '../../../gateway/policy/index.ts';
import { corpusOf } from './corpus.ts';
import { hasOpa, serveOpa, type OpaServer } from './opa-server.ts';
import { policiesDir } from './support.ts';

/** More than the 500 that are promised. */
const count = 1200;
const corpus = corpusOf(loadCatalogue(policiesDir).list(), count, 20261101);
const skip = !hasOpa && 'there is no OPA on this machine';

const still = (): number => 0;
const isLate = ({ reasons }: Verdict): boolean => reasons.some(({ code }) => code === 'policy_timeout');
const decide = async (engine: Engine, inputs: readonly PolicyInput[]): Promise<Verdict[]> => {
  const verdicts: Verdict[] = [];
  for (const input of inputs) {
    let verdict = await askPolicy(engine, input, still);
    // A busy machine may be late; what is compared here is the answer.
    for (let tries = 0; tries < 10 && isLate(verdict); tries += 1)
      verdict = await askPolicy(engine, input, still);
    verdicts.push(verdict);
  }
  return verdicts;
};

test('the corpus is the same each time, and meets every effect', async () => {
  assert.equal(digest(corpus), digest(corpusOf(loadCatalogue(policiesDir).list(), count, 20261101)));
  assert.equal(new Set(corpus.map((input) => digest(input))).size > 500, true);
  const { data } = await readPolicyData(policiesDir, new Date(0));
  const verdicts = await decide((await loadEngine(policiesDir, data)).engine, corpus);
  for (const effect of ['allow', 'confirm', 'approve', 'deny']) {
    const met = verdicts.filter((verdict) => verdict.effect === effect).length;
    assert.ok(met >= 10, `only ${met} of ${count} are ${effect}`);
  }
});

/** An installation with rules of its own and an override, built, served by a real OPA, and loaded into both engines. */
interface Installation {
  data: Awaited<ReturnType<typeof readPolicyData>>['data'];
  wasm: Engine;
  rest: Engine;
  stop(): Promise<void>;
}

const ownRules = `package local.office

denials contains {"code": "night", "text": "Nothing is written at night."} if {
	input.tool.risk != "read"
	[hour, _, _] := time.clock([time.parse_rfc3339_ns(input.now), "Europe/Berlin"])
	hour < 6
}

approvals contains {"code": "public_read", "text": "What is read in public is approved first."} if {
	input.channel.visibility == "public"
}

confirmations contains {"code": "network", "text": text} if {
	some name, value in input.args
	net.cidr_contains("10.0.0.0/8", value)
	text := concat("", ["The value of ", regex.replace(name, "[^a-z]", "_"), " is an address of our network."])
}
`;
const override = `overrides:
  - rule: role_reads_only
    owner: approver-a
    expires: 2026-11-01
    reason: the viewers move the tickets this week
`;

async function install(): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-own-'));
  await cp(policiesDir, folder, { recursive: true });
  await mkdir(join(folder, 'local'));
  await writeFile(join(folder, 'local', 'office.rego'), ownRules);
  await writeFile(join(folder, 'overrides.yaml'), override);
  await writeFile(
    join(folder, 'approvals.yaml'),
    'classes:\n  read: { groups: [auditors], quorum: 1 }\n  payment: { groups: [approvers], quorum: 1 }\n',
  );
  await buildPolicy((await findOpa()) ?? '', folder);
  const { data } = await readPolicyData(folder, new Date('2026-10-30'));
  const opa = await serveOpa(folder, data);
  const wasm = (await loadEngine(folder, data)).engine;
  const rest = (await loadEngine(folder, data, opa.url)).engine;
  return {
    data,
    wasm,
    rest,
    async stop() {
      await rest.close?.();
      await opa.stop();
      await rm(folder, { recursive: true });
    },
  };
}

let own: Installation;
let shipped: OpaServer;
before(async () => {
  if (skip) return;
  own = await install();
  shipped = await serveOpa(policiesDir, (await readPolicyData(policiesDir, new Date(0))).data);
});
after(async () => {
  if (skip) return;
  await own.stop();
  await shipped.stop();
});

/** Reasons are a set, and engines may list them in an order of their own. */
const comparable = ({ effect, reasons, approvers }: Verdict): unknown => ({
  effect,
  approvers,
  reasons: reasons.map(({ code, text }) => `${code}: ${text}`).sort(),
});

test('both engines decide the whole corpus alike', { skip }, async () => {
  const { data } = await readPolicyData(policiesDir, new Date(0));
  const wasm = await decide((await loadEngine(policiesDir, data)).engine, corpus);
  const { engine } = await loadEngine(policiesDir, data, shipped.url);
  const rest = await decide(engine, corpus);
  await engine.close?.();
  assert.deepEqual(rest.map(comparable), wasm.map(comparable));
});

test('both engines decide the corpus alike under own rules and an override', { skip }, async () => {
  const wasm = await decide(own.wasm, corpus);
  const rest = await decide(own.rest, corpus);
  assert.deepEqual(rest.map(comparable), wasm.map(comparable));
  const codes = new Set(wasm.flatMap(({ reasons }) => reasons.map(({ code }) => code)));
  for (const code of ['night', 'public_read', 'network', 'nobody_to_ask']) assert.ok(codes.has(code), code);
});

test('own rules never loosen: what ships is the mildest that is decided', { skip }, async () => {
  const order = ['allow', 'confirm', 'approve', 'deny'];
  // With the same people and amounts, which approvals.yaml sets and no rule.
  const { engine } = await loadEngine(policiesDir, own.data);
  for (const input of corpus) {
    // The override of this installation is about viewers.
    if (input.actor.roles.includes('viewer')) continue;
    const [before, after] = [await askPolicy(engine, input, still), await askPolicy(own.wasm, input, still)];
    assert.ok(
      order.indexOf(after.effect) >= order.indexOf(before.effect),
      JSON.stringify({ input, before, after }),
    );
  }
});
