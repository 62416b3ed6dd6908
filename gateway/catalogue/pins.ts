import type { PinForm, ToolFile } from './schema.ts';

/** What each form looks like, and what it is called. `latest`, a branch, `*` and a weak ETag fix nothing. */
const forms: Record<PinForm, { pattern: RegExp; name: string }> = {
  sha256: { pattern: /^(sha256:)?[0-9a-f]{64}$/, name: 'the SHA-256 of the content' },
  commit: { pattern: /^([0-9a-f]{40}|[0-9a-f]{64})$/, name: 'the full id of the commit' },
  version: { pattern: /^[1-9][0-9]{0,17}$/, name: 'the number of the version' },
  etag: { pattern: /^"[\x21\x23-\x7e]{1,128}"$/, name: 'the strong ETag of the content, in its quotes' },
};

/** Null for arguments whose changeable references all have their pin; else which one lacks it, and the remedy. */
export type PinCheck = (args: Record<string, unknown>) => string | null;

/**
 * Makes the check of a tool. The pin is an argument like every other, so that the digest that is approved holds it.
 * @param pins as the tool's file declares them
 */
export function compilePins(pins: ToolFile['pins']): PinCheck {
  const needed = Object.entries(pins).flatMap(([name, pin]) =>
    'by' in pin ? [{ name, by: pin.by, form: forms[pin.form] }] : [],
  );
  if (needed.length === 0) return () => null;
  return (args) => {
    const lacking = needed.find(
      ({ name, by, form }) =>
        Object.hasOwn(args, name) && !(Object.hasOwn(args, by) && fits(form.pattern, args[by])),
    );
    return lacking
      ? `What the argument ${lacking.name} names can change after it was approved. Give ${lacking.by}: ${lacking.form.name}.`
      : null;
  };
}

function fits(pattern: RegExp, value: unknown): boolean {
  const text = Number.isSafeInteger(value) ? String(value) : value;
  return typeof text === 'string' && pattern.test(text);
}

/** Names of arguments that most often refer to something that can change. */
const changeable =
  /(?:^|[a-z0-9])(?:file|document|doc|branch|template|query|script|attachment|spreadsheet|notebook|playbook)(?:s|Id|Name|Path|Url|Ref)?$/i;

/** Whether an argument sounds as if it named changeable content, so that its file has to say how it is fixed. */
export function soundsChangeable(argument: string): boolean {
  return changeable.test(argument);
}
