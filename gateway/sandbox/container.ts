import type { ContainerCreateOptions } from 'dockerode';
import type { Language, Limits } from './contract.ts';

/** Marks the containers of one runner, so that the next start of that runner finds what a kill left behind. */
export const runnerLabel = 'dev.gatehouse.runner';

const nobody = '65534:65534';

const interpreters: Record<Language, (code: string) => string[]> = {
  javascript: (code) => ['node', '--input-type=module', '-e', code],
  python: (code) => ['python3', '-I', '-c', code],
  shell: (code) => ['sh', '-c', code],
};

/**
 * The container of one run. Every line takes something away: the network, the file system, privileges, resources.
 * Docker's default seccomp profile stays in force, because no other is named.
 */
export function containerOf(
  image: string,
  runner: string,
  job: { language: Language; code: string; stdin?: string | undefined; limits: Limits },
): ContainerCreateOptions {
  const { limits } = job;
  const memory = limits.memoryMb * 1024 * 1024;
  const cpuSeconds = Math.ceil(limits.timeoutMs / 1000) + 1;
  return {
    Image: image,
    Entrypoint: interpreters[job.language](job.code),
    Cmd: [],
    User: nobody,
    WorkingDir: '/tmp',
    Hostname: 'sandbox',
    Env: ['HOME=/tmp', 'LANG=C.UTF-8'],
    Labels: { [runnerLabel]: runner },
    NetworkDisabled: true,
    AttachStdout: true,
    AttachStderr: true,
    AttachStdin: job.stdin !== undefined,
    OpenStdin: job.stdin !== undefined,
    StdinOnce: job.stdin !== undefined,
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: 'none',
      IpcMode: 'none',
      ReadonlyRootfs: true,
      // Memory-backed, so what is written there counts against the memory limit.
      Tmpfs: { '/tmp': `rw,noexec,nosuid,nodev,mode=1777,size=${memory}` },
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Memory: memory,
      MemorySwap: memory,
      NanoCpus: Math.round(limits.cpus * 1e9),
      PidsLimit: limits.pids,
      Ulimits: [
        { Name: 'core', Soft: 0, Hard: 0 },
        { Name: 'nofile', Soft: 256, Hard: 256 },
        // Ends a busy loop even when the runner is killed and no longer counts the time.
        { Name: 'cpu', Soft: cpuSeconds, Hard: cpuSeconds },
      ],
      // The output goes to the runner only; a log file on the host would grow without a bound.
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
    },
  };
}
