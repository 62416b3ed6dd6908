import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { createLogger } from '../../../gateway/config/index.ts';
import {
  createSandbox,
  defaultImages,
  startRunner,
  type Runner,
  type RunResult,
  type Sandbox,
} from '../../../gateway/sandbox/index.ts';
import { containerOf, defaultLimits } from '../../../gateway/sandbox/container.ts';
import { labels } from '../../../gateway/sandbox/identity.ts';

const docker = new Docker();
const log = createLogger('silent');
const token = randomBytes(32).toString('hex');
const listen = { host: '127.0.0.1', port: 0 };
const ours = new Set<string>();
const start = async (own: string, warm = 0): Promise<Runner> => {
  const started = await startRunner({
    listen,
    token: own,
    images: defaultImages,
    log,
    docker,
    parallel: 4,
    warmth: { max: warm, idleMs: 60_000 },
  });
  ours.add(started.url);
  return started;
};
let runner: Runner | undefined;
let sandbox: Sandbox;

before(async () => {
  const names = Object.values(defaultImages);
  const missing = await Promise.all(names.map((name) => docker.getImage(name).inspect())).then(
    () => false,
    () => true,
  );
  if (missing && process.env.CI)
    throw new Error(`no Docker engine with ${names.join(', ')}; the sandbox cannot be tested`);
  if (missing) return;
  runner = await start(token);
  sandbox = createSandbox({ runnerUrl: runner.url, token });
});
after(() => runner?.stop());

/** A test that needs Docker; without it, it is skipped by name. */
function live(name: string, body: () => Promise<void>): void {
  test(name, async (context: TestContext) => {
    if (runner) await body();
    else context.skip('NOT TESTED: no Docker engine with the sandbox images');
  });
}
const shell = (code: string, limits: object = {}, stdin?: string): Promise<RunResult> =>
  sandbox.run({ language: 'shell', code, limits, stdin });
/** Waits until every container is removed, which a run's answer does not wait for. */
async function gone(): Promise<void> {
  const deadline = Date.now() + 10_000;
  while ((await containers()) > 0) {
    assert.ok(Date.now() < deadline, 'a container is still there');
    await sleep(50);
  }
}
/** The containers of this file's runners; other files have theirs at the same time. */
const made = async (): Promise<Docker.ContainerInfo[]> =>
  (await docker.listContainers({ all: true, filters: { label: [labels.runner] } })).filter(({ Labels }) =>
    ours.has(Labels[labels.address]?.split(' ')[1] ?? ''),
  );
const containers = async (): Promise<number> => (await made()).length;

live('a snippet runs, reads its stdin, and answers with its output and exit code', async () => {
  const result = await shell('cat; echo out; echo err >&2; exit 3', {}, 'given ');
  assert.equal(result.status, 'error');
  assert.equal(result.exitCode, 3);
  assert.equal(result.stdout, 'given out\n');
  assert.equal(result.stderr, 'err\n');
  const fine = await shell('printf "a\\0b"; printf "\\377" >&2');
  assert.equal(fine.status, 'ok');
  assert.deepEqual([fine.stdout, fine.encoding.stdout], [Buffer.from('a\0b').toString('base64'), 'base64']);
  assert.deepEqual([fine.stderr, fine.encoding.stderr], [Buffer.from([255]).toString('base64'), 'base64']);
});

live('nothing of a run is left behind', async () => {
  await shell('echo x > /tmp/kept');
  assert.equal((await shell('cat /tmp/kept')).status, 'error');
  await gone();
});

live('attack: the network is not there, not even loopback to the host or a resolver', async () => {
  const code = `ls /sys/class/net; perl -MSocket -e '
    for my $to (["127.0.0.1", ${new URL(runner?.url ?? '').port}], ["172.17.0.1", 22], ["1.1.1.1", 53], ["169.254.169.254", 80]) {
      socket(my $s, PF_INET, SOCK_STREAM, 0) or next;
      print connect($s, sockaddr_in($to->[1], inet_aton($to->[0]))) ? "REACHED @$to\\n" : "no @$to\\n";
    }
    print gethostbyname("example.com") ? "RESOLVED\\n" : "no name\\n";'`;
  const { stdout } = await shell(code);
  assert.match(stdout, /^lo\nno 127/);
  assert.doesNotMatch(stdout, /REACHED|RESOLVED|eth/);
  assert.match(stdout, /no name/);
});

live('attack: nothing but /tmp can be written, and nothing there can be executed', async () => {
  const { stdout } = await shell(`
    for at in / /etc /usr/bin /var/tmp /dev /dev/shm /run /proc/sys/kernel /sys/fs/cgroup /home /root; do
      touch $at/x 2>/dev/null && echo WROTE $at; done
    cp /bin/true /tmp/t && chmod +x /tmp/t && /tmp/t 2>/dev/null && echo EXECUTED; echo end`);
  assert.equal(stdout, 'end\n');
});

live('attack: no privilege is left or can be won', async () => {
  const { stdout } = await shell(`
    id -u; grep -E '^(CapEff|CapBnd|CapPrm|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t' ' '
    mount -t tmpfs none /tmp 2>/dev/null && echo MOUNTED
    unshare -U true 2>/dev/null && echo UNSHARED
    chroot / true 2>/dev/null && echo CHROOT; su -c id 2>/dev/null && echo SU
    ls /var/run/docker.sock 2>/dev/null; env | sort | cut -d= -f1 | tr '\\n' ' '`);
  assert.match(stdout, /^6[01]\d{3}\n/);
  for (const set of ['CapEff', 'CapPrm', 'CapBnd'])
    assert.match(stdout, new RegExp(`${set}: 0000000000000000`));
  assert.match(stdout, /NoNewPrivs: 1\n/);
  assert.match(stdout, /Seccomp: 2\n/);
  assert.doesNotMatch(stdout, /MOUNTED|UNSHARED|CHROOT|SU|docker\.sock/);
  assert.match(stdout, /HOME HOSTNAME LANG PATH PWD/, 'nothing of the runner is in the environment');
});

live('attack: no more processes than the limit can be made', async () => {
  const fork = `my $n = 0; while ($n < 200) { my $p = fork; last if !defined $p; if (!$p) { sleep 5; exit } $n++ } print $n`;
  const { stdout } = await shell(`perl -e '${fork}'`, { pids: 20 });
  assert.ok(Number(stdout) > 5 && Number(stdout) < 20, stdout);
});

live('attack: a fork bomb stays within its processes and its time', async () => {
  const result = await shell('bomb() { bomb | bomb & }; bomb; sleep 30', { timeoutMs: 1500, pids: 32 });
  assert.ok(['timeout', 'error'].includes(result.status), result.status);
  assert.ok(result.durationMs < 8000);
  await gone();
});

live('attack: memory beyond the limit ends the run, also when it is taken through /tmp', async () => {
  const eaten = await shell(`perl -e 'my $x = "x" x (200 * 1024 * 1024); print length $x'`, { memoryMb: 32 });
  assert.equal(eaten.status, 'oom');
  const filled = await shell('dd if=/dev/zero of=/tmp/f bs=1M count=200 2>&1; ls -l /tmp', { memoryMb: 32 });
  assert.ok(filled.status === 'oom' || /No space/.test(filled.stdout), JSON.stringify(filled));
});

live('attack: a run without end is stopped', async () => {
  const asleep = await shell('echo begun; sleep 60', { timeoutMs: 700 });
  assert.equal(asleep.status, 'timeout');
  assert.equal(asleep.stdout, 'begun\n');
  const deaf = await shell(`trap '' TERM INT HUP; while :; do :; done`, { timeoutMs: 700 });
  assert.equal(deaf.status, 'timeout');
  assert.ok(deaf.durationMs < 8000);
});

live('attack: endless output is cut at its limit', async () => {
  const result = await shell('yes', { outputBytes: 4096 });
  assert.equal(result.status, 'output_limit');
  assert.equal(Buffer.byteLength(result.stdout), 4096);
  assert.ok(result.durationMs < 8000);
});

live('a language that the image lacks is a typed error', async () => {
  const own = randomBytes(32).toString('hex');
  const images = { ...defaultImages, python: defaultImages.shell, javascript: 'example.com/none:1' };
  const other = await startRunner({ listen, token: own, images, log, docker });
  const ask = createSandbox({ runnerUrl: other.url, token: own });
  const lacking = await ask.run({ language: 'python', code: 'print(1)' });
  assert.equal(lacking.status, 'error');
  assert.equal(lacking.reason?.code, 'language_unavailable');
  const none = await ask.run({ language: 'javascript', code: '1' });
  assert.equal(none.reason?.code, 'image_missing');
  await other.stop();
});

live('a caller that goes away takes its container along', async () => {
  const caller = new AbortController();
  const run = sandbox.run(
    { language: 'shell', code: 'sleep 60', limits: { timeoutMs: 60_000 } },
    caller.signal,
  );
  while ((await containers()) === 0) await sleep(50);
  caller.abort();
  assert.equal((await run).status, 'sandbox_unavailable');
  await gone();
});

live('what runners left that are gone is removed at a start, and what is another’s is not', async () => {
  const url = runner?.url ?? '';
  const { runner: id } = (await (await fetch(`${url}/healthz`)).json()) as { runner: string };
  const posture = {
    image: defaultImages.shell,
    uid: 60_578,
    language: 'shell',
    limits: defaultLimits,
  } as const;
  const made = async (of: { id: string; url: string }, machine?: string): Promise<Docker.Container> => {
    const options = containerOf({ ...posture, runner: of });
    if (machine !== undefined)
      options.Labels = { ...options.Labels, [labels.address]: `${machine} ${of.url}` };
    const container = await docker.createContainer(options);
    await container.start();
    return container;
  };
  const deaf = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(deaf, 'listening');
  const orphans = await Promise.all([
    made({ id, url: 'http://127.0.0.1:9' }),
    made({ id, url: 'unix:/nowhere/runner.sock' }),
    // Another process has the address now.
    made({ id: 'earlier', url }),
  ]);
  const others = await Promise.all([
    made({ id, url }),
    made({ id, url: 'http://127.0.0.1:9' }, 'another-machine'),
    made({ id, url: `http://127.0.0.1:${(deaf.address() as AddressInfo).port}` }),
  ]);
  try {
    const second = await start(token);
    await second.stop();
    for (const orphan of orphans) await assert.rejects(orphan.inspect(), { statusCode: 404 });
    for (const other of others) assert.ok((await other.inspect()).State.Running);
  } finally {
    deaf.closeAllConnections();
    deaf.close();
    await Promise.all(others.map((other) => other.remove({ force: true })));
  }
});

live('stopping the runner ends its runs and removes them', async () => {
  const own = randomBytes(32).toString('hex');
  const other = await start(own);
  const run = createSandbox({ runnerUrl: other.url, token: own }).run({
    language: 'shell',
    code: 'sleep 60',
    limits: { timeoutMs: 60_000 },
  });
  while ((await containers()) === 0) await sleep(50);
  await other.stop();
  assert.equal((await run).status, 'sandbox_unavailable');
  await gone();
});
