import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import type { INodeTypeDescription } from 'n8n-workflow';
import { built, load } from './build.ts';

interface Node {
  id: string;
  name: string;
  type: string;
  position: [number, number];
  parameters: Record<string, unknown>;
  credentials?: Record<string, { id: string; name: string }>;
  webhookId?: string;
  [setting: string]: unknown;
}
interface WorkflowFile {
  id: string;
  nodes: Node[];
  connections: Record<string, Record<string, Array<Array<{ node: string; index: number }>>>>;
  settings: Record<string, unknown>;
  active: boolean;
}

const folder = fileURLToPath(new URL('../../../workflows-json', import.meta.url));
const ours = 'n8n-nodes-gatehouse.';
/** The tools that the catalogue has, by their files. */
const catalogue = readdirSync(fileURLToPath(new URL('../../../policies/tools', import.meta.url))).map(
  (file) => file.replace(/\.yaml$/, ''),
);
/** A node's type without what n8n adds for its forms that an agent sees. */
const base = (type: string): string => type.replace(/(Hitl)?Tool$/, '');
const read = (file: string) => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as WorkflowFile;

/** The outputs of a node of ours; undefined for another's. Some are worked out from the node's parameters. */
function outputsOf(
  description: INodeTypeDescription | undefined,
  parameters: Record<string, unknown>,
): { displayName?: string }[] | undefined {
  const outputs = description?.outputs;
  if (typeof outputs !== 'string')
    return outputs?.map((output, index) =>
      typeof output === 'object' ? output : { displayName: description?.outputNames?.[index] },
    );
  return evaluated(outputs, parameters) as { displayName: string }[];
}

/** What an expression of a description says of a node with these parameters. */
function evaluated(expression: string, $parameter: Record<string, unknown>): unknown {
  return runInNewContext(expression.slice('={{'.length, -'}}'.length), {
    $parameter,
    $rawParameter: $parameter,
  });
}

describe('The workflows', () => {
  const types = new Map<string, INodeTypeDescription>();
  before(async () => {
    const dist = await built();
    for (const name of [
      'EnvelopeNormaliser',
      'PolicyCheck',
      'ApprovalGate',
      'VaultCredential',
      'SandboxedAgent',
    ]) {
      const { description } = load<{ description: INodeTypeDescription }>(
        dist,
        `nodes/${name}/${name}.node.js`,
      );
      types.set(ours + description.name, description);
    }
  });

  it('stand beside nodes whose subtitles read as words, also before a tool is chosen', () => {
    const subtitle = (name: string, parameters: Record<string, unknown>): unknown =>
      evaluated(types.get(ours + name)?.subtitle ?? '', parameters);
    assert.equal(subtitle('policyCheck', { call: 'fields', tool: '' }), 'No tool chosen yet');
    assert.equal(subtitle('policyCheck', { call: 'fields', tool: 'ledger.transfer' }), 'ledger.transfer');
    assert.equal(subtitle('vaultCredential', { operation: 'execute', tool: '' }), 'No tool chosen yet');
    assert.equal(
      subtitle('vaultCredential', { operation: 'execute', tool: 'ledger.balance' }),
      'Execute: ledger.balance',
    );
    assert.equal(
      subtitle('sandboxedAgent', { operation: 'runCode', language: 'javascript' }),
      'Run JavaScript',
    );
    assert.equal(
      subtitle('sandboxedAgent', { operation: 'runCode', language: 'shell' }),
      'Run a shell script',
    );
  });

  for (const file of readdirSync(folder)) {
    const workflow = read(file);
    describe(file, () => {
      it('has a fixed id, runs in order and is imported inactive', () => {
        assert.match(workflow.id, /^[A-Za-z0-9]{8,21}$/);
        assert.equal(workflow.settings.executionOrder, 'v1');
        assert.equal(workflow.settings.engineType, undefined);
        assert.equal(workflow.active, false);
      });

      it('names each node once, with ids, credentials by their fixed id and no secret', () => {
        const names = workflow.nodes.map((node) => node.name);
        assert.equal(new Set(names).size, names.length);
        assert.equal(new Set(workflow.nodes.map((node) => node.id)).size, names.length);
        for (const node of workflow.nodes) {
          const reference = { gatehouseApi: { id: 'gatehouseApi0001', name: 'Gatehouse API' } };
          assert.deepEqual(node.credentials, node.type.startsWith(ours) ? reference : undefined, node.name);
          assert.ok(!node.type.startsWith('CUSTOM.'));
        }
        assert.doesNotMatch(JSON.stringify(workflow), /whsec_|run_[A-Za-z0-9]{8}|Bearer/);
      });

      it('connects only outputs that exist to nodes that exist', () => {
        for (const [from, kinds] of Object.entries(workflow.connections)) {
          const node = workflow.nodes.find(({ name }) => name === from);
          assert.ok(node, from);
          const outputs = outputsOf(types.get(node.type), node.parameters);
          if (outputs !== undefined) assert.ok((kinds.main ?? []).length <= outputs.length, from);
          for (const { node: to } of Object.values(kinds).flat(2))
            assert.ok(
              workflow.nodes.some(({ name }) => name === to),
              to,
            );
        }
      });

      it('labels no output longer than n8n shows', () => {
        for (const { name, type, parameters } of workflow.nodes)
          for (const { displayName = '' } of outputsOf(types.get(type), parameters) ?? [])
            assert.ok(displayName.length <= 15, `${name}: ${displayName}`);
      });

      it('never lets the closed output of a gate reach a call but the reply', () => {
        for (const gate of workflow.nodes.filter(({ type }) =>
          /\.(policyCheck|approvalGate|envelopeNormaliser)$/.test(type),
        )) {
          for (const { node: to } of workflow.connections[gate.name]?.main?.[0] ?? []) {
            const target = workflow.nodes.find(({ name }) => name === to);
            if (target?.type !== 'n8n-nodes-base.noOp')
              assert.equal(target?.parameters.tool, 'conversation.reply', to);
          }
        }
      });

      it('sets nothing on a gate that would pass items along, and names each operation', () => {
        for (const node of workflow.nodes.filter(({ type }) => type.startsWith(ours))) {
          for (const setting of [
            'alwaysOutputData',
            'onError',
            'continueOnFail',
            'disabled',
            'retryOnFail',
          ]) {
            assert.equal(node[setting], undefined, `${node.name} ${setting}`);
          }
          const operations = types.get(base(node.type))?.properties.some(({ name }) => name === 'operation');
          if (operations) assert.equal(typeof node.parameters.operation, 'string', node.name);
        }
      });

      it('names tools and workflows that there are', () => {
        const ids = readdirSync(folder).map((other) => read(other).id);
        for (const { name, type, parameters } of workflow.nodes) {
          const { tool, workflowId } = parameters;
          if (typeof tool === 'string' && !tool.startsWith('=')) assert.ok(catalogue.includes(tool), name);
          if (type !== 'n8n-nodes-base.executeWorkflow') continue;
          const { value } = workflowId as { value: string };
          assert.ok(value.startsWith('=') || ids.includes(value), name);
        }
      });

      it('gives each call its arguments where the node reads them', () => {
        for (const { name, type, parameters } of workflow.nodes.filter((node) =>
          node.type.startsWith(ours),
        )) {
          const usual = types.get(base(type))?.properties.find((property) => property.name === 'specify');
          if (!usual || (base(type).endsWith('policyCheck') && parameters.call !== 'fields')) continue;
          const inFields = (parameters.specify ?? usual.default) === 'fields';
          assert.equal(parameters.fields !== undefined, inFields, name);
          assert.equal(parameters.args !== undefined, !inFields, name);
        }
      });

      it('has one tool below each review, the one that it asks about', () => {
        for (const gate of workflow.nodes.filter(({ type }) => type.endsWith('HitlTool'))) {
          const below = workflow.nodes.filter(({ name }) =>
            workflow.connections[name]?.ai_tool?.flat().some(({ node }) => node === gate.name),
          );
          assert.deepEqual(
            below.map(({ type, parameters }) => [type, parameters.tool]),
            [[`${ours}vaultCredentialTool`, gate.parameters.tool]],
          );
        }
      });

      it('lays no note over a node', () => {
        const isNote = ({ type }: Node): boolean => type === 'n8n-nodes-base.stickyNote';
        for (const note of workflow.nodes.filter(isNote)) {
          const [left, top] = note.position;
          const { width, height } = note.parameters as { width: number; height: number };
          for (const node of workflow.nodes.filter((each) => !isNote(each))) {
            const [x, y] = node.position;
            // A node with its name below it; an agent and a review are drawn wider.
            const wide = /\.agent$|HitlTool$/.test(node.type) ? 256 : 112;
            const apart = x >= left + width || x + wide <= left || y >= top + height || y + 144 <= top;
            assert.ok(apart, `${note.name} over ${node.name}`);
          }
        }
      });

      it('is drawn from left to right and explained by notes', () => {
        const at = new Map(workflow.nodes.map((node) => [node.name, node.position]));
        for (const [from, { main = [], ...served }] of Object.entries(workflow.connections)) {
          for (const { node: to } of main.flat())
            assert.ok((at.get(from)?.[0] ?? 0) < (at.get(to)?.[0] ?? 0), `${from} to ${to}`);
          // Lines that leave in this order and end in this order do not cross.
          const rows = main.flat().map(({ node: to }) => at.get(to)?.[1] ?? 0);
          assert.deepEqual(
            rows,
            [...rows].sort((a, b) => a - b),
            from,
          );
          for (const { node: to } of Object.values(served).flat(2))
            assert.ok((at.get(from)?.[1] ?? 0) > (at.get(to)?.[1] ?? 0), `${from} below ${to}`);
        }
        assert.ok(workflow.nodes.some(({ type }) => type === 'n8n-nodes-base.stickyNote'));
      });
    });
  }

  it('lists each example among the examples', () => {
    const rows = read('examples.json').nodes.find(({ name }) => name === 'The Examples')?.parameters
      .assignments as { assignments: { value: string }[] };
    assert.deepEqual(
      rows.assignments.map(({ value }) => value).sort(),
      readdirSync(folder)
        .filter((file) => file.startsWith('example-'))
        .map((file) => read(file).id)
        .sort(),
    );
  });

  it('start the chat at the webhook that the gateway calls, with the bytes that it signed', () => {
    const webhook = read('governed-chat.json').nodes.find(({ type }) => type === 'n8n-nodes-base.webhook');
    assert.equal(webhook?.parameters.path, 'gatehouse-chat');
    assert.deepEqual(webhook?.parameters.options, { rawBody: true });
    assert.match(webhook?.webhookId ?? '', /^[0-9a-f-]{36}$/);
  });
});
