import { spawn, fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { containerOf, defaultLimits, runnerLabel } from '../../../gateway/sandbox/container.ts';
import { createSandbox, defaultImages, type Sandbox } from '../../../gateway/sandbox/index.ts';
import { launch } from '../../../gateway/sandbox/launch.ts';
import type { Bench } from '../main.ts';
import { atLeast, atMost, median } from '../report.ts';

const warmRuns = 110;
const otherRuns = 25;
const atOnce = 20;
const image = defaultImages.python;
const docker = new Docker();
const files = [{ path: 'in/data.bin', content: randomBytes(1 << 20) }];
const job = { language: 'python', code: 'print("first byte")', files } as const;
/** Between two runs, so that each is measured alone: the container before it is removed, the next one waits. */
const settle = 100;

const quantile = (times: readonly number[], part: number): number =>
  [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * part))] ?? NaN;

/** From an allowed run to the first byte of its output, in milliseconds: packing, signing and checking included. */
async function firstByte(sandbox: Sandbox): Promise<number> {
  const began = performance.now();
  let first = NaN;
  const result = await sandbox.run(job, undefined, () => {
    if (Number.isNaN(first)) first = performance.now() - began;
  });
  if (result.status !== 'ok') throw new Error(`a run ended as ${result.status} ${result.reason?.code ?? ''}`);
  return first;
}

/** From starting the docker command to the first byte of its output. */
async function command(args: string[]): Promise<number> {
  const began = performance.now();
  const child = spawn('docker', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  await once(child.stdout, 'data');
  const first = performance.now() - began;
  await ended;
  return first;
}

/** The posture of our containers as options of `docker run`. */
const posture = [
  '--network=none --ipc=none --cgroupns=private --read-only --cap-drop=ALL --security-opt=no-new-privileges',
  '--user=65534:65534 --workdir=/tmp --hostname=sandbox --log-driver=none --no-healthcheck --pids-limit=64',
  '--tmpfs=/tmp:rw,noexec,nosuid,nodev,mode=1777,size=128m,nr_inodes=4096 --memory=128m --memory-swap=128m --cpus=0.5',
  '--ulimit=core=0:0 --ulimit=nofile=256:256 --ulimit=msgqueue=0:0 --ulimit=cpu=121:121',
].flatMap((line) => line.split(' '));
const print = ['python3', '-I', '-c', 'print("first byte")'];

async function startRunner(
  warm: number,
): Promise<{ sandbox: Sandbox; url: string; stop: () => Promise<void> }> {
  const token = randomBytes(32).toString('hex');
  const env = { ...process.env, GATEHOUSE_BENCH_TOKEN: token, GATEHOUSE_BENCH_WARM: String(warm) };
  const child: ChildProcess = fork(join(import.meta.dirname, 'runner.ts'), { env });
  const [url] = (await once(child, 'message')) as [string];
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.send('stop');
    await ended;
  };
  return { sandbox: createSandbox({ runnerUrl: url, token }), url, stop };
}

/** Waits until a container waits and no other of ours is there. */
async function quiet(url: string): Promise<void> {
  for (;;) {
    const health = (await (await fetch(`${url}/healthz`)).json()) as { waiting: Record<string, number> };
    const waiting = Object.values(health.waiting).reduce((sum, one) => sum + one, 0);
    const all = await docker.listContainers({ all: true, filters: { label: [runnerLabel] } });
    if ((health.waiting.python ?? 0) > 0 && all.length === waiting) return void (await sleep(settle));
    await sleep(20);
  }
}

/** What one container that waits takes, in MB, as its control group counts it. */
async function waitingMemory(language: keyof typeof defaultImages): Promise<number> {
  const options = { image: defaultImages[language], runner: 'bench', language, limits: defaultLimits };
  const { container } = await launch(docker, containerOf(options), () => undefined);
  try {
    await sleep(500);
    const stats = await container.stats({ stream: false });
    const shared = (stats.memory_stats.stats as { total_inactive_file?: number }).total_inactive_file ?? 0;
    return (stats.memory_stats.usage - shared) / 2 ** 20;
  } finally {
    await container.remove({ force: true });
  }
}

/** What waiting costs, from an allowed run to the first byte of the tool's output, beside the docker command. */
export const bench: Bench = async (say) => {
  const times = { warm: [] as number[], cold: [] as number[], exec: [] as number[], run: [] as number[] };

  say(`${warmRuns} runs in containers that wait, each beside a docker exec now and then`);
  const warm = await startRunner(1);
  const target = await docker.createContainer({
    Image: image,
    Cmd: ['sleep', '600'],
    Labels: { bench: 'exec' },
  });
  try {
    await target.start();
    for (let run = 0; run < 10; run += 1) {
      await quiet(warm.url);
      await firstByte(warm.sandbox);
    }
    for (let run = 0; run < warmRuns; run += 1) {
      await quiet(warm.url);
      times.warm.push(await firstByte(warm.sandbox));
      if (run % 4 > 0) continue;
      await quiet(warm.url);
      times.exec.push(await command(['exec', target.id, 'echo', 'first byte']));
      await quiet(warm.url);
      times.run.push(await command(['run', '--rm', ...posture, image, ...print]));
    }
  } finally {
    await target.remove({ force: true });
    await warm.stop();
  }

  say(`${otherRuns} runs in new containers, and ${atOnce} at once`);
  const cold = await startRunner(0);
  let failures = 0;
  let together: number;
  try {
    await firstByte(cold.sandbox);
    for (let run = 0; run < otherRuns; run += 1) times.cold.push(await firstByte(cold.sandbox));
    const began = performance.now();
    const all = await Promise.allSettled(Array.from({ length: atOnce }, () => firstByte(cold.sandbox)));
    together = performance.now() - began;
    failures = all.filter(({ status }) => status === 'rejected').length;
  } finally {
    await cold.stop();
  }
  const [exec, run, p50, p99] = [
    median(times.exec),
    median(times.run),
    median(times.warm),
    quantile(times.warm, 0.99),
  ];
  const memory = { python: await waitingMemory('python'), node: await waitingMemory('javascript') };
  const shell = await waitingMemory('shell');
  return {
    results: [
      { what: 'waiting container: order, 1 MB of files, first byte of output; p50', value: p50, unit: 'ms' },
      { what: 'the same, p99', value: p99, unit: 'ms' },
      { what: 'new container, the same; p50', value: median(times.cold), unit: 'ms' },
      { what: '`docker exec` of echo, no files; p50', value: exec, unit: 'ms' },
      { what: '`docker run --rm` of the same posture, no files; p50', value: run, unit: 'ms' },
      { what: `${atOnce} runs at once, none waiting: until the last is done`, value: together, unit: 'ms' },
      { what: 'memory of a waiting container: Python', value: memory.python, unit: 'MB' },
      { what: 'the same, Node', value: memory.node, unit: 'MB' },
      { what: 'the same, shell', value: shell, unit: 'MB' },
    ],
    bars: [
      atLeast('runs in waiting containers', times.warm.length, 100),
      atMost('waiting container ÷ docker exec, p50', p50 / exec, 0.1),
      atMost('waiting container ÷ docker run, p50', p50 / run, 0.03),
      atMost('waiting container: p99 ÷ p50', p99 / p50, 5),
      atMost('new container ÷ docker run, p50', median(times.cold) / run, 1.5),
      atMost(`failures of ${atOnce} runs at once on ${cpus().length} processors`, failures, 0),
    ],
  };
};
