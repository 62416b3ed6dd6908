import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, test, type TestContext } from 'node:test';
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

const docker = new Docker();
const token = randomBytes(32).toString('hex');
let runner: Runner | undefined;
let sandbox: Sandbox;

before(async () => {
  const names = Object.values(defaultImages);
  const there = await Promise.all(names.map((name) => docker.getImage(name).inspect())).then(
    () => true,
    () => false,
  );
  if (!there && process.env.CI) throw new Error(`no Docker engine with ${names.join(', ')}`);
  if (!there) return;
  const log = createLogger('silent');
  runner = await startRunner({
    listen: { host: '127.0.0.1', port: 0 },
    token,
    images: defaultImages,
    log,
    docker,
  });
  sandbox = createSandbox({ runnerUrl: runner.url, token });
  await warm();
});
after(() => runner?.stop());
// Whatever the attack before did, the runner still works.
afterEach(async () => {
  if (runner) assert.equal((await python('print("well")')).stdout, 'well\n');
});

function live(name: string, body: () => Promise<void>): void {
  test(name, async (context: TestContext) => {
    if (runner) await body();
    else context.skip('NOT TESTED: no Docker engine with the sandbox images');
  });
}
const python = (code: string, more: object = {}): Promise<RunResult> =>
  sandbox.run({ language: 'python', code, ...more });
const health = async (): Promise<Record<string, number>> =>
  ((await (await fetch(`${runner?.url}/healthz`)).json()) as { waiting: Record<string, number> }).waiting;
async function warm(): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (Object.values(await health()).every((count) => count > 0)) return;
    await sleep(50);
  }
  throw new Error('no containers wait');
}

live('each language reads files and stdin, and gives back what was declared', async () => {
  const programs = {
    python:
      'import sys; d = open("in/a.txt").read(); print(sys.stdin.read() + d); open("out.bin", "wb").write(b"\\0\\xff")',
    javascript:
      'import fs from "node:fs"; console.log(fs.readFileSync(0, "utf8") + fs.readFileSync("in/a.txt", "utf8")); fs.writeFileSync("out.bin", Buffer.from([0, 255]))',
    shell: 'cat; cat in/a.txt; echo; printf "\\0\\377" >out.bin',
  } as const;
  const files = [{ path: 'in/a.txt', content: Buffer.from('file') }];
  for (const [language, code] of Object.entries(programs) as [keyof typeof programs, string][]) {
    await warm();
    const seen: string[] = [];
    const job = { language, code, files, stdin: 'stdin ', artefacts: ['out.bin', 'none'] };
    const result = await sandbox.run(job, undefined, (name, chunk) => seen.push(name + chunk.toString()));
    assert.equal(result.status, 'ok', JSON.stringify(result));
    assert.equal(result.stdout, 'stdin file\n');
    assert.equal(seen.join(''), seen.length === 1 ? 'stdoutstdin file\n' : seen.join(''));
    assert.deepEqual(result.artefacts, [
      { path: 'out.bin', content: 'AP8=', refused: null },
      { path: 'none', content: null, refused: 'missing' },
    ]);
  }
});

live('each language ends with the exit code of its code, and says its error', async () => {
  const raised = await python('import sys\ndef f():\n  raise ValueError("here")\nf()');
  assert.equal(raised.exitCode, 1);
  assert.match(raised.stderr, /^Traceback .*\n {2}File "<code>", line 4, in <module>/);
  assert.equal((await python('import sys; sys.exit(7)')).exitCode, 7);
  assert.equal((await python('import os, signal; os.kill(os.getpid(), signal.SIGTERM)')).exitCode, 128 + 15);
  const thrown = await sandbox.run({ language: 'javascript', code: 'await 1;\nthrow new Error("here")' });
  assert.equal(thrown.exitCode, 1);
  assert.match(thrown.stderr, /\.code\.mjs:2/);
  assert.equal((await sandbox.run({ language: 'javascript', code: 'process.exit(9)' })).exitCode, 9);
});

live('output comes as it is written', async () => {
  const times: number[] = [];
  const code = 'import time\nfor n in range(3):\n  print(n)\n  time.sleep(0.4)';
  await sandbox.run({ language: 'python', code }, undefined, () => times.push(performance.now()));
  assert.ok((times.at(-1) ?? 0) - (times[0] ?? 0) > 300, times.join());
});

live('attack: the process has no privilege, no keyring, no other namespace, no clock to set', async () => {
  const { stdout } = await python(`
import ctypes, os, time
status = dict(line.split(':\\t', 1) for line in open('/proc/self/status').read().splitlines() if ':\\t' in line)
print([status[name] for name in ('CapEff', 'CapPrm', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp', 'Uid', 'Groups')])
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *given):
    print(name, os.strerror(ctypes.get_errno()) if libc.syscall(*given) < 0 else 'ALLOWED')
call('add_key', 248, b'user', b'a', b'b', 1, -3)
call('request_key', 249, b'user', b'a', None, -3)
call('keyctl', 250, 0, -3, 1)
call('unshare', 272, 0x10000000)
call('mount', 165, b'none', b'/tmp', b'tmpfs', 0, None)
call('bpf', 321, 0, None, 0)
call('perf_event_open', 298, None, 0, -1, -1, 0)
call('userfaultfd', 323, 0)
try: time.clock_settime(time.CLOCK_REALTIME, 0); print('ALLOWED')
except OSError as error: print('clock', error.strerror)
print('keys', open('/proc/keys').read() if os.access('/proc/keys', os.R_OK) else '')
`);
  const zero = '0'.repeat(16);
  assert.ok(stdout.startsWith(`['${zero}', '${zero}', '${zero}', '${zero}', '1', '2', '`), stdout);
  const [, uid] = /'(\d+)\\t\1\\t\1\\t\1', ' *(65534)? *'\]/.exec(stdout) ?? [];
  assert.ok(Number(uid) >= 60_578 && Number(uid) <= 61_183, stdout);
  assert.doesNotMatch(stdout, /ALLOWED/);
  assert.match(stdout, /keys \n$/, 'no keyring is listed');
});

live('attack: no device, mount or file of the host is there', async () => {
  const { stdout } = await python(`
import os
print(sorted(set(os.listdir('/dev')) - {'core','fd','full','mqueue','null','ptmx','pts','random','shm','stderr','stdin','stdout','tty','urandom','zero'}))
mounts = [line.split() for line in open('/proc/self/mounts')]
print([m[1] for m in mounts if m[2] not in ('overlay','proc','sysfs','tmpfs','devpts','cgroup','cgroup2','mqueue') and m[1] != '/etc/hostname'])
def writable(path):
    try: os.close(os.open(path + '/x', os.O_CREAT | os.O_RDWR)); return True
    except OSError: return False
print([m[1] for m in mounts if os.path.isdir(m[1]) and writable(m[1])])
print([m[3] for m in mounts if m[1] == '/tmp'])
print([p for p in ('/var/run/docker.sock', '/run/containerd', '/dev/sda', '/dev/vda', '/dev/kmsg', '/dev/mem') if os.path.exists(p)])
`);
  const [devices, strange, writable, work, host] = stdout.split('\n');
  assert.deepEqual([devices, strange, writable, host], ['[]', '[]', "['/tmp']", '[]']);
  for (const option of ['noexec', 'nosuid', 'nodev', 'size=131072k', 'nr_inodes=4096'])
    assert.ok(work?.includes(option), work);
});

live('attack: no address is reachable, no name resolves', async () => {
  const { stdout } = await python(`
import socket
for at in [('127.0.0.1', ${new URL(runner?.url ?? '').port}), ('172.17.0.1', 22), ('169.254.169.254', 80), ('1.1.1.1', 53)]:
    try: socket.create_connection(at, 2); print('REACHED', at)
    except OSError as error: print('no', error.errno)
for at in [('fd00:ec2::254', 80), ('2606:4700:4700::1111', 53)]:
    try: socket.create_connection(at, 2); print('REACHED', at)
    except OSError as error: print('no', error.errno)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try: udp.sendto(b'x', ('8.8.8.8', 53)); print('SENT')
except OSError: print('no')
try: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); print('RAW')
except OSError: print('no')
try: print('RESOLVED', socket.gethostbyname('example.com'))
except OSError: print('no')
`);
  assert.doesNotMatch(stdout, /REACHED|SENT|RAW|RESOLVED/);
  assert.equal(stdout.trim().split('\n').length, 9);
});

live('attack: the disk, its inodes and memory have an end', async () => {
  const inodes = await python(`
n = 0
try:
    while True: open(f'f{n}', 'w').close(); n += 1
except OSError as error: print(n < 4096, error.strerror)`);
  assert.equal(inodes.stdout, 'True No space left on device\n');
  const disk = await python('with open("f", "wb") as f:\n  while True: f.write(bytes(1 << 20))');
  assert.ok(disk.status === 'oom' || /No space left/.test(disk.stderr), disk.status);
  assert.equal((await python('x = bytearray(1 << 29)\nprint("HELD")')).status, 'oom');
});

live('attack: a fork bomb, signals to process 1 and endless output hurt their own run alone', async () => {
  const bomb = await python('import os\nwhile True:\n  try: os.fork()\n  except OSError: pass', {
    limits: { timeoutMs: 1500 },
  });
  assert.ok(['timeout', 'error', 'oom'].includes(bomb.status), bomb.status);
  const signals = await python('import os, signal\nfor s in (9, 15, 19, 11): os.kill(1, s)\nprint("on")');
  assert.ok(['on\n', ''].includes(signals.stdout));
  const endless = await python('import os\nwhile True: os.write(2, bytes(65536))', {
    limits: { outputBytes: 1000 },
  });
  assert.equal(endless.status, 'output_limit');
  assert.equal(Buffer.from(endless.stderr, 'base64').length, 1000);
});

live('attack: what the kernel counts by user, one container cannot take from another', async () => {
  const takers = `
import ctypes, fcntl, os, socket, time
def watchers(most):
    n = 0
    while n < most and ctypes.CDLL(None).inotify_init1(0) >= 0: n += 1
    return n
def pipes(most):
    n = 0
    try:
        while n < most and fcntl.fcntl(os.pipe()[0], 1031, 1 << 20): n += 1
    except OSError: pass
    return n
def files_in_flight(most):
    here, there = socket.socketpair()
    here.setblocking(False)
    n = 0
    try:
        while n < most and socket.send_fds(here, [b'x'], [0] * 10): n += 1
    except OSError: pass
    return n
takers = [watchers, pipes, files_in_flight]
`;
  const greedy = `${takers}
told, tell = os.pipe()
for take in takers:
    if os.fork() == 0:
        os.write(tell, b'%d ' % take(1000))
        time.sleep(60)
said = b''
while said.count(b' ') < len(takers): said += os.read(told, 64)
print(said.decode(), flush=True)
time.sleep(60)`;
  const over = new AbortController();
  const taken = new Promise<string>((resolve) => {
    const job = { language: 'python', code: greedy, limits: { timeoutMs: 60_000 } } as const;
    void sandbox.run(job, over.signal, (_name, chunk) => resolve(chunk.toString()));
  });
  assert.doesNotMatch(await taken, /Error|\b0\b/);
  const { stdout, stderr } = await python(`${takers}\nprint([take(1) for take in takers])`);
  over.abort();
  assert.equal(stdout + stderr, '[1, 1, 1]\n');
});

live('attack: artefacts are plain files of the work folder, within their bound', async () => {
  const code = `
import os
os.symlink('/etc/passwd', 'link'); os.mkfifo('fifo'); os.mkdir('folder'); open('folder/x', 'w').write('x')
os.link('folder/x', 'hard')`;
  const { artefacts } = await python(code, { artefacts: ['link', 'fifo', 'folder', 'folder/x', 'hard'] });
  assert.deepEqual(
    artefacts.map(({ refused, content }) => refused ?? content),
    ['link', 'not_a_file', 'not_a_file', 'eA==', 'eA=='],
  );
  const big = await python('f = open("big", "wb"); f.truncate(1 << 30)', { artefacts: ['big'] });
  assert.equal(big.artefacts[0]?.refused, 'too_large');
});

live('attack: nothing of one run is visible to the next', async () => {
  await python(`
import os, subprocess, sys
open('/tmp/left', 'w').write('x')
if os.fork() == 0:
    os.setsid(); os.execvp('sleep', ['sleep', '600'])
try: open('/dev/shm/left', 'w')
except OSError: pass`);
  await warm();
  const { stdout } = await python(`
import os
print(sorted(os.listdir('/tmp')), [p for p in os.listdir('/proc') if p.isdigit() and p not in ('1', str(os.getpid()))])
print(os.listdir('/dev/shm') if os.path.isdir('/dev/shm') else [], os.path.exists('/proc/sysvipc/shm') and len(open('/proc/sysvipc/shm').readlines()))`);
  assert.equal(stdout, '[] []\n[] 1\n');
});

live('a container that waits serves one run, and with the default limits only', async () => {
  await warm();
  const before = await docker.listContainers();
  const host = await python('print(open("/proc/self/cgroup").read() and open("/etc/hostname").read())');
  assert.equal(host.status, 'ok');
  const other = await python('print(1)', { limits: { memoryMb: 64 } });
  assert.equal(other.stdout, '1\n');
  await warm();
  const now = new Set((await docker.listContainers()).map(({ Id }) => Id));
  assert.ok(
    before.some(({ Id }) => !now.has(Id)),
    'the one that ran is gone',
  );
});
