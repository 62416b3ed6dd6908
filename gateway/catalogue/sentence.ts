import type { ToolFile } from './schema.ts';

const placeholder = /\{([A-Za-z][A-Za-z0-9.]*)\}/g;

// An argument must not crowd out the sentence around it; a result, such as a list of commands, may be what was asked for.
const longArgument = 500;
const longResult = 6000;

/** The names that a template refers to, such as `amount` or `result.balance`. */
export function placeholders(template: string): string[] {
  return [...template.matchAll(placeholder)].map((match) => match[1] ?? '');
}

type Sentences = Pick<ToolFile, 'sentence' | 'done' | 'money'>;

/** What a call asks for, in the words of its tool, for example `pay 5,000.00 EUR to ACME`. */
export function askedSentence(tool: Sentences, args: Record<string, unknown>): string {
  return renderSentence(tool.sentence, withAmount(tool, args));
}

/** What a call did, in the words of its tool. */
export function doneSentence(tool: Sentences, args: Record<string, unknown>, result: unknown): string {
  return renderSentence(tool.done, withAmount(tool, args), withAmount(tool, result));
}

/** Arguments or a result as a sentence shows them: the amount grouped and with its cents. */
function withAmount<Values>(tool: Sentences, values: Values): Values {
  const name = tool.money?.amount;
  const amount = name === undefined ? undefined : own(values, name);
  return amount === undefined ? values : { ...values, [name as string]: amountOf(amount) };
}

const grouped = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 20 });

/** Formats a decimal string exactly; anything else is shown as it is. */
export function amountOf(value: unknown): string {
  const text = String(value);
  return /^\d{1,15}(\.\d{1,10})?$/.test(text) ? grouped.format(text as `${number}`) : text;
}

/**
 * Fills a tool's template with values. What comes out is plain text: each channel escapes it for itself.
 * @param template `Paid {amount} {currency} to {payee}`; `{result.x}` reads the outcome
 * @param args the call's arguments
 * @param result the outcome, where there is one
 */
export function renderSentence(template: string, args: Record<string, unknown>, result?: unknown): string {
  return template.replace(placeholder, (_match, name: string) => {
    const inResult = name.startsWith('result.');
    const source = inResult ? result : args;
    return show(
      own(source, inResult ? name.slice('result.'.length) : name),
      inResult ? longResult : longArgument,
    );
  });
}

function own(source: unknown, key: string): unknown {
  return typeof source === 'object' && source !== null && Object.hasOwn(source, key)
    ? (source as Record<string, unknown>)[key]
    : undefined;
}

function show(value: unknown, longest: number): string {
  if (value === undefined || value === null) return '–';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
