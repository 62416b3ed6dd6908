import type { Ignorer } from '@stryker-mutator/api/ignore';
import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

/** What is looked at here of a place in Babel's syntax tree. */
interface Place {
  node: {
    type: string;
    value?: unknown;
    quasis?: { value: { raw: string } }[];
    expressions?: { type: string }[];
  };
}

/**
 * A sentence that people read: a capital letter, words, a full stop. A template that works something out inside it is none,
 * since that may be wrong.
 */
const ignorer: Ignorer = {
  shouldIgnore(path) {
    const { node } = path as Place;
    const plain = node.expressions?.every(({ type }) => /^(Identifier|MemberExpression)$/.test(type)) ?? true;
    const text =
      node.type === 'StringLiteral'
        ? node.value
        : node.type === 'TemplateLiteral' && plain
          ? node.quasis?.map(({ value }) => value.raw).join('x')
          : null;
    return typeof text === 'string' && /^[A-Zx][^]* [^]*[.?]$/.test(text)
      ? 'a sentence for people'
      : undefined;
  },
};

export const strykerPlugins = [declareValuePlugin(PluginKind.Ignore, 'sentences', ignorer)];
