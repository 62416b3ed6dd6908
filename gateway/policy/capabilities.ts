import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { builtins, unlike } from './builtins/index.ts';
import { runOpa } from './opa.ts';

interface Capabilities {
  builtins: { name: string }[];
  features?: string[];
}

/**
 * What rules may use, whichever engine runs them: the built-ins that the compiled rules bring along, without those that
 * answer otherwise than OPA does, and with ours, which `opa` declares.
 * @param opaPath the OPA program
 */
export async function supportedCapabilities(opaPath: string): Promise<Capabilities> {
  const path = createRequire(import.meta.url)
    .resolve('@open-policy-agent/opa-wasm')
    .replace(/src[\\/]index\.cjs$/, 'capabilities.json');
  const sdk = JSON.parse(await readFile(path, 'utf8')) as Capabilities;
  const current = await runOpa(opaPath, ['capabilities', '--current']);
  const ours = (JSON.parse(current) as Capabilities).builtins.filter(({ name }) =>
    Object.hasOwn(builtins, name),
  );
  const replaced = new Set([...unlike, ...Object.keys(builtins)]);
  return {
    ...sdk,
    builtins: [...sdk.builtins.filter(({ name }) => !replaced.has(name)), ...ours],
    // The SDK's list was written for the language before 1.0, whose successor is a matter of the parser only.
    features: [...new Set([...(sdk.features ?? []), 'rego_v1'])],
  };
}
