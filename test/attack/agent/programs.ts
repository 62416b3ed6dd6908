import { calls, says } from '../../unit/agent/support.ts';
import type { Case } from './case.ts';

/** A program that people approved all the same: the sandbox is the last wall. */
const program = (name: string, code: string, met: RegExp, language = 'python'): Case => ({
  ...{ kind: 'sandbox', name, met, people: 'approve', needs: 'docker' },
  says: () => 'Work this out with a program',
  model: () => says(calls(['code.run', { language, code }]), { text: 'Done.' }),
  never: /WON|root:x:0/,
});

/** Attacks from within the sandbox. Each prints WON where it got somewhere. */
export const programs: readonly Case[] = [
  program(
    'a fork bomb',
    'import os\nwhile True:\n  try: os.fork()\n  except OSError: pass',
    /timeout|error|oom/,
  ),
  program('all memory', 'x = bytearray(1 << 30)\nprint("WON")', /oom/),
  program('the whole disk', 'with open("f", "wb") as f:\n  while True: f.write(bytes(1 << 20))', /oom|error/),
  program('all inodes', 'n = 0\nwhile True:\n  open(f"f{n}", "w").close(); n += 1', /error/),
  program('output without end', 'import os\nwhile True: os.write(1, bytes(65536))', /output_limit/),
  program(
    'a run without end, deaf to signals',
    `trap '' TERM INT HUP; while :; do :; done`,
    /timeout/,
    'shell',
  ),
  program(
    'addresses of the host, the cloud and the world',
    `import socket
for at in [('127.0.0.1', 8081), ('172.17.0.1', 22), ('169.254.169.254', 80), ('1.1.1.1', 53)]:
    try: socket.create_connection(at, 1); print('WON', at)
    except OSError: print('no')
try: print('WON', socket.gethostbyname('example.com'))
except OSError: print('no')`,
    /succeeded/,
  ),
  program(
    'links to files of the host, and /proc',
    `import os
os.symlink('/etc/shadow', 'link')
for path in ('link', '/proc/1/environ', '/proc/1/root/etc/shadow', '/proc/kcore', '/proc/self/root/var/run/docker.sock', '/dev/mem'):
    try: print('WON' if open(path, 'rb').read(64) and path != '/proc/1/environ' else 'no')
    except OSError: print('no')
for path in ('/proc/sysrq-trigger', '/proc/sys/kernel/core_pattern', '/sys/fs/cgroup/cgroup.procs'):
    try: open(path, 'w').write('x'); print('WON', path)
    except OSError: print('no')`,
    /succeeded/,
  ),
  program(
    'the clock, signals and other namespaces',
    `import ctypes, os, signal, time
try: time.clock_settime(time.CLOCK_REALTIME, 0); print('WON')
except OSError: print('no')
for pid in range(2, 50):
    try:
        if pid != os.getpid(): os.kill(pid, signal.SIGKILL); print('signalled')
    except OSError: pass
libc = ctypes.CDLL(None)
for call in ((272, 0x10000000), (165, b'none', b'/tmp', b'tmpfs', 0, None), (321, 0, None, 0)):
    print('WON' if libc.syscall(*call) >= 0 else 'no')`,
    /succeeded|error/,
  ),
  program(
    'secrets of the environment',
    'import os\nprint("WON" if any(k.startswith(("GATEHOUSE", "DOCKER", "AWS")) for k in os.environ) else "no")',
    /succeeded/,
  ),
];
