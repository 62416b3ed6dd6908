import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerCreateOptions, HostConfig } from 'dockerode';
import { LimitsSchema, type Language, type Limits } from './contract.ts';
import { labelsOf, type Identity } from './identity.ts';

/** No file of an image is this group's. */
const noGroup = 65_534;
const launcher = (name: string): string => readFileSync(join(import.meta.dirname, 'launchers', name), 'utf8');

/** What waits in a container for its one job, as an argument of the language's interpreter. */
const launchers: Record<Language, string[]> = {
  javascript: ['node', '--input-type=module', '-e', launcher('node.mjs')],
  python: ['python3', '-I', '-c', launcher('python.py')],
  shell: ['sh', '-c', launcher('shell.sh')],
};

/** The limits that are the container's own; the others are counted by the runner. */
export type ContainerLimits = Pick<Limits, 'memoryMb' | 'cpus' | 'pids'>;
export const defaultLimits: Limits = LimitsSchema.parse({});

/** The wall time that no run exceeds, and a second to spare. */
const mostCpuSeconds = 121;

/**
 * The container of one run. Every line takes something away: the network, the file system, privileges, resources.
 * Docker's default seccomp profile and masked paths stay in force, because no others are named. docs/sandbox.md explains
 * each line.
 * @param uid the user of this container alone
 * @param runtime of the engine, such as runsc; its default one where undefined
 */
export function containerOf(options: {
  image: string;
  runner: Identity;
  uid: number;
  language: Language;
  limits: ContainerLimits;
  runtime?: string | undefined;
}): ContainerCreateOptions {
  const { image, runner, uid, language, limits, runtime } = options;
  const memory = limits.memoryMb * 1024 * 1024;
  // The types lack this field of API 1.41.
  const own: HostConfig & { CgroupnsMode: string } = {
    NetworkMode: 'none',
    IpcMode: 'none',
    CgroupnsMode: 'private',
    ReadonlyRootfs: true,
    // Memory-backed, so what is written there counts against the memory limit.
    Tmpfs: { '/tmp': `rw,noexec,nosuid,nodev,mode=1777,size=${memory},nr_inodes=4096` },
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    Memory: memory,
    MemorySwap: memory,
    NanoCpus: Math.round(limits.cpus * 1e9),
    PidsLimit: limits.pids,
    Ulimits: [
      { Name: 'core', Soft: 0, Hard: 0 },
      { Name: 'nofile', Soft: 256, Hard: 256 },
      { Name: 'msgqueue', Soft: 0, Hard: 0 },
      // Ends a busy loop even when the runner is killed and no longer counts the time.
      { Name: 'cpu', Soft: mostCpuSeconds, Hard: mostCpuSeconds },
    ],
    // The output goes to the runner only; a log file on the host would grow without a bound.
    LogConfig: { Type: 'none', Config: {} },
    RestartPolicy: { Name: 'no' },
    ...(runtime === undefined ? {} : { Runtime: runtime }),
  };
  return {
    Image: image,
    Entrypoint: launchers[language],
    Cmd: [],
    User: `${uid}:${noGroup}`,
    WorkingDir: '/tmp',
    Hostname: 'sandbox',
    Env: ['HOME=/tmp', 'LANG=C.UTF-8'],
    Labels: labelsOf(runner),
    NetworkDisabled: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    StdinOnce: true,
    Healthcheck: { Test: ['NONE'] },
    HostConfig: own,
  };
}
