/**
 * A built-in function of Rego as the wasm engine calls it: its arguments as JSON (a set is an array), its answer as
 * JSON, or as bytes of JSON where a number is too long for JavaScript. `undefined` is what OPA calls an error: the
 * expression around it is undefined. What throws ends the evaluation, and the call is denied.
 */
export type Builtin = (...args: unknown[]) => unknown;
