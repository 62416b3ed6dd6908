import { z } from 'zod';
import { UseSchema, type EgressSchema } from './egress/contract.ts';

/** Languages a run can be in. Which of them work depends on the runner's images. */
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

/** What may enter and leave beside code, stdin and output. */
export const bounds = {
  codeBytes: 100_000,
  stdinBytes: 1_048_576,
  files: 256,
  filesBytes: 4_194_304,
  artefacts: 16,
  artefactsBytes: 4_194_304,
} as const;

/** A path inside the work folder: relative, plain, short enough for the name field of a tar header. */
export const WorkPath = z
  .string()
  .min(1)
  .refine((path) => Buffer.byteLength(path) <= 100, 'longer than 100 bytes')
  .refine(
    (path) => !/[\p{Cc}\\]/u.test(path) && path.split('/').every((part) => !['', '.', '..'].includes(part)),
    'leaves the work folder, or is no plain path',
  );

/** One snippet to run, as the gateway's own code asks for it. */
export interface RunRequest {
  language: Language;
  /** At most `bounds.codeBytes`, without NUL: the shell takes it as one argument, which Linux bounds at 128 KiB. */
  code: string;
  stdin?: string | undefined;
  /** Files that lie in the work folder before the code begins. */
  files?: { path: string; content: Uint8Array }[] | undefined;
  /** Files that are fetched from the work folder after the code ended. */
  artefacts?: string[] | undefined;
  limits?: z.input<typeof LimitsSchema> | undefined;
  /** What it may reach, and the secrets that go there in place of their placeholders; nothing where left out. */
  egress?: EgressRequest[] | undefined;
}

/** A host that a run may reach. */
export type EgressRequest = Omit<z.input<typeof EgressSchema>[number], 'secret'> & {
  secret?: { name: string; header: string; prefix: string; value: string } | undefined;
};

const Artefact = z.strictObject({
  path: z.string(),
  /** base64; null where it was refused */
  content: z.base64().nullable(),
  refused: z.enum(['missing', 'link', 'not_a_file', 'too_large']).nullable(),
});

/** How a run ended, without its output. */
export const EndingSchema = z.strictObject({
  status: z.enum(['ok', 'error', 'timeout', 'oom', 'output_limit', 'sandbox_unavailable']),
  exitCode: z.number().int().nullable(),
  durationMs: z.number().int().min(0),
  reason: z.strictObject({ code: z.string(), text: z.string() }).nullable(),
  artefacts: z.array(Artefact),
  /** Each use of the egress proxy. */
  egress: z.array(UseSchema),
});
export type Ending = z.output<typeof EndingSchema>;
export type Artefact = z.output<typeof Artefact>;

/** One line of the runner's answer: some output, in base64, or at last the ending. */
export const EventSchema = z.union([
  z.strictObject({ stdout: z.base64() }),
  z.strictObject({ stderr: z.base64() }),
  z.strictObject({ ending: EndingSchema }),
]);

/** How a run ended. `reason` says why where the status alone does not. Output that is no text is base64. */
export interface RunResult extends Ending {
  stdout: string;
  stderr: string;
  encoding: { stdout: 'utf8' | 'base64'; stderr: 'utf8' | 'base64' };
}

/** The ending of a run that did not take place, or was stopped from outside. */
export function unavailable(code: string, text: string): Ending {
  return {
    status: 'sandbox_unavailable',
    exitCode: null,
    durationMs: 0,
    reason: { code, text },
    artefacts: [],
    egress: [],
  };
}
