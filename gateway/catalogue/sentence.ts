import { digestOfText } from '../envelope/index.ts';

const placeholder = /\{([A-Za-z][A-Za-z0-9.]*)(:money)?\}/g;

// An argument must not crowd out the sentence around it; a result, such as a list of commands, may be what was asked for.
const longArgument = 500;
const longResult = 6000;

/** The names that a template refers to, such as `amount` or `result.balance`. */
export function placeholders(template: string): string[] {
  return [...template.matchAll(placeholder)].map((match) => match[1] ?? '');
}

const grouped = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 20 });

/** An amount grouped and with its cents, exactly; anything but a decimal string is shown as it is. */
export function amountOf(value: unknown): string {
  const text = String(value);
  return /^\d{1,15}(\.\d{1,10})?$/.test(text) ? grouped.format(text as `${number}`) : text;
}

/**
 * Fills a tool's template with values. What comes out is plain text: each channel escapes it for itself.
 * @param template `Paid {amount:money} {currency} to {payee}`; `{result.x}` reads the outcome, and `:money` groups an amount
 * @param args the call's arguments
 * @param result the outcome, where there is one
 */
export function renderSentence(template: string, args: Record<string, unknown>, result?: unknown): string {
  return template.replace(placeholder, (_match, name: string, money?: string) => {
    const inResult = name.startsWith('result.');
    const value = own(inResult ? result : args, inResult ? name.slice('result.'.length) : name);
    return show(money && value !== undefined ? amountOf(value) : value, inResult ? longResult : longArgument);
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
  if (text.length <= longest) return text;
  const start = text.slice(0, longest).replace(/[\ud800-\udbff]$/, '');
  return `${start}… (${text.length} characters, SHA-256 ${digestOfText(text).slice('sha256:'.length, 'sha256:'.length + 8)})`;
}
