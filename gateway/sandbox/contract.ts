import { z } from 'zod';

/** Languages a run can be in. Which of them work depends on the image; `shell` always does. */
export const Language = z.enum(['javascript', 'python', 'shell']);
export type Language = z.output<typeof Language>;

/** What one run may use. Anything above these bounds is refused, not lowered in silence. */
export const LimitsSchema = z.strictObject({
  timeoutMs: z.number().int().min(100).max(120_000).default(10_000).describe('wall time'),
  memoryMb: z.number().int().min(16).max(1024).default(128).describe('memory and /tmp together'),
  cpus: z.number().min(0.1).max(2).default(0.5),
  pids: z.number().int().min(4).max(256).default(64).describe('processes and threads'),
  outputBytes: z.number().int().min(256).max(262_144).default(65_536).describe('stdout and stderr together'),
});
export type Limits = z.output<typeof LimitsSchema>;

/** One snippet to run. The code travels as one argument of the interpreter, which Linux bounds at 128 KiB. */
export const RunRequestSchema = z.strictObject({
  language: Language,
  code: z
    .string()
    .min(1)
    .refine((code) => Buffer.byteLength(code) <= 100_000, 'longer than 100,000 bytes')
    .refine((code) => !code.includes('\0'), 'holds a NUL byte'),
  stdin: z.string().max(262_144).optional(),
  limits: LimitsSchema.prefault({}),
});
export type RunRequest = z.input<typeof RunRequestSchema>;

/** How a run ended. `reason` says why where the status alone does not. */
export const RunResultSchema = z.strictObject({
  status: z.enum(['ok', 'error', 'timeout', 'oom', 'output_limit', 'sandbox_unavailable']),
  exitCode: z.number().int().nullable(),
  stdout: z.string(),
  stderr: z.string(),
  durationMs: z.number().int().min(0),
  reason: z.strictObject({ code: z.string(), text: z.string() }).nullable(),
});
export type RunResult = z.output<typeof RunResultSchema>;

/** The result of a run that did not take place. */
export function unavailable(code: string, text: string): RunResult {
  return {
    status: 'sandbox_unavailable',
    exitCode: null,
    stdout: '',
    stderr: '',
    durationMs: 0,
    reason: { code, text },
  };
}
