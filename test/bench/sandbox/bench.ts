import { spawn, fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { labels } from '../../../gateway/sandbox/identity.ts';
import { createSandbox, defaultImages, type Sandbox } from '../../../gateway/sandbox/index.ts';
import type { Bench } from '../main.ts';
import { atLeast, atMost, median } from '../report.ts';
import { carried, waitingMemory } from './engine.ts';

/** Runs that are not counted: gateway and runner compile what they run often. */
const warmUps = 150;
const warmRuns = 110;
const otherRuns = 25;
const atOnce = 20;
const image = defaultImages.python;
const docker = new Docker();
const content = randomBytes(1 << 20);
const files = [{ path: 'in/data.bin', content }];
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

interface Runner {
  sandbox: Sandbox;
  url: string;
  stop: () => Promise<void>;
}

async function startRunner(warm: number): Promise<Runner> {
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

interface Health {
  runner: string;
  waiting: Record<string, number>;
}
const healthOf = async (url: string): Promise<Health> =>
  (await (await fetch(`${url}/healthz`)).json()) as Health;

const containersOf = ({ runner }: Health): Promise<Docker.ContainerInfo[]> =>
  docker.listContainers({ all: true, filters: { label: [`${labels.runner}=${runner}`] } });

/** Waits until a container waits and no other of the runner is there. */
async function quiet(url: string): Promise<void> {
  for (;;) {
    const health = await healthOf(url);
    const waiting = Object.values(health.waiting).reduce((sum, one) => sum + one, 0);
    if ((health.waiting.python ?? 0) > 0 && (await containersOf(health)).length === waiting)
      return void (await sleep(settle));
    await sleep(20);
  }
}

/** From cancelling a run until the engine knows its container no more. */
async function cancelled({ sandbox, url }: Runner): Promise<number> {
  const health = await healthOf(url);
  while ((await containersOf(health)).length > 0) await sleep(20);
  const caller = new AbortController();
  const endless = { language: 'python', code: 'print(1)\nwhile True: pass' } as const;
  await new Promise<void>((resolve) => void sandbox.run(endless, caller.signal, () => resolve()));
  const [one] = await containersOf(health);
  if (!one) throw new Error('the run has no container');
  const began = performance.now();
  caller.abort();
  const gone = (): Promise<boolean> =>
    docker
      .getContainer(one.Id)
      .inspect()
      .then(
        () => false,
        () => true,
      );
  while (!(await gone())) await sleep(5);
  return performance.now() - began;
}

/** What waiting costs, from an allowed run to the first byte of the tool's output, beside the docker command. */
export const bench: Bench = async (say) => {
  const names = ['warm', 'cold', 'exec', 'run', 'line', 'megabyte', 'cancelled'] as const;
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    (typeof names)[number],
    number[]
  >;

  say(`${warmRuns} runs in containers that wait, each beside a docker exec now and then`);
  const warm = await startRunner(1);
  const target = await docker.createContainer({
    Image: image,
    Cmd: ['sleep', '600'],
    Labels: { bench: 'exec' },
  });
  try {
    await target.start();
    for (let run = 0; run < warmUps; run += 1) {
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
      await quiet(warm.url);
      times.line.push(await carried(Buffer.from('\n'), settle));
      await quiet(warm.url);
      times.megabyte.push(await carried(content, settle));
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
    for (let run = 0; run < otherRuns; run += 1) times.cancelled.push(await cancelled(cold));
    const began = performance.now();
    const all = await Promise.allSettled(Array.from({ length: atOnce }, () => firstByte(cold.sandbox)));
    together = performance.now() - began;
    failures = all.filter(({ status }) => status === 'rejected').length;
  } finally {
    await cold.stop();
  }
  const [exec, run, megabyte, p50, p99] = [
    median(times.exec),
    median(times.run),
    median(times.megabyte),
    median(times.warm),
    quantile(times.warm, 0.99),
  ];
  const memory = { python: await waitingMemory('python'), node: await waitingMemory('javascript') };
  const shell = await waitingMemory('shell');
  return {
    results: [
      { what: 'waiting container: order, 1 MB of files, first byte of output; p50', value: p50, unit: 'ms' },
      { what: 'the same, p99', value: p99, unit: 'ms' },
      {
        what: 'the engine alone: one line into such a container and one back; p50',
        value: median(times.line),
        unit: 'ms',
      },
      { what: 'the same, 1 MB and one line back; p50', value: megabyte, unit: 'ms' },
      { what: 'share of the engine alone in the run above', value: (100 * megabyte) / p50, unit: '%' },
      {
        what: 'new container: order, 1 MB of files, first byte of output; p50',
        value: median(times.cold),
        unit: 'ms',
      },
      { what: '`docker exec` of echo, no files; p50', value: exec, unit: 'ms' },
      { what: '`docker run --rm` of the same posture, no files; p50', value: run, unit: 'ms' },
      {
        what: 'from cancel until the engine knows the container no more; p50',
        value: median(times.cancelled),
        unit: 'ms',
      },
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
      atMost('from cancel until the container is gone, longest; ms', Math.max(...times.cancelled), 1000),
      atMost(`failures of ${atOnce} runs at once on ${cpus().length} processors`, failures, 0),
    ],
  };
};
