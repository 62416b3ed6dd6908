# Waits in a warm container for one job on stdin, in a child that is made ahead and runs it. Fed by gateway/sandbox/launch.ts.
import fcntl, io, os, signal, subprocess, sys, traceback

told, tell = os.pipe()
child = os.fork()
if child:
    os.close(tell)
    # Whatever the code left running is a child of this process 1, and ends here.
    while True:
        pid, status = os.wait()
        if pid == child:
            break
    try:
        os.kill(-1, signal.SIGKILL)
    except OSError:
        pass
    with os.fdopen(told, "rb") as said:
        marker, wanted = said.readline(), said.read()
    if wanted:
        os.write(1, marker)
        subprocess.run(
            "tar -cf - --format=ustar --no-recursion --hard-dereference --ignore-failed-read --verbatim-files-from -T -".split(),
            input=wanted,
            stderr=subprocess.DEVNULL,
        )
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def unpack(frame, size):
    # As it comes. The runner packs plain ustar: regular files only, with names of at most 100 bytes.
    while size > 0:
        head = frame.read(512)
        size -= 512
        if head[0] == 0:
            frame.read(size)
            return
        name = head[:100].split(b"\0")[0]
        left = int(head[124:135], 8)
        padding = -left % 512
        size -= left + padding
        os.makedirs(os.path.dirname(name) or b".", exist_ok=True)
        with open(name, "wb", buffering=0) as file:
            while left > 0:
                got = frame.readinto1(piece[:left])
                if got == 0:
                    os._exit(0)
                file.write(piece[:got])
                left -= got
        frame.read(padding)


def serve_stdin(given):
    stdin = os.memfd_create("stdin")
    os.write(stdin, given)
    os.lseek(stdin, 0, os.SEEK_SET)
    os.dup2(stdin, 0)
    os.close(stdin)


os.close(told)
sys.stdout.reconfigure(line_buffering=True)
sys.path.append(os.getcwd())
sys.excepthook = lambda kind, error, trace: traceback.print_exception(kind, error, trace and trace.tb_next)
main = type(sys)("__main__")
main.__builtins__ = __builtins__
try:
    # As large as may be, so that files come in few pieces.
    fcntl.fcntl(0, fcntl.F_SETPIPE_SZ if hasattr(fcntl, "F_SETPIPE_SZ") else 1031, 1 << 20)
except OSError:
    pass
# A rehearsal: what a job needs is in memory before it comes.
piece = memoryview(bytearray(1 << 17))
unpack(io.BytesIO(b"x".ljust(124, b"\0") + b"00000000001\0".ljust(388, b"\0") + bytes(512)), 1024)
os.remove("x")
os.close(os.memfd_create("stdin"))
exec(compile(b"pass", "<code>", "exec", dont_inherit=True), {})
print("ready")
with os.fdopen(0, "rb", closefd=False) as frame:
    head = frame.readline().split()
    if len(head) != 6:
        os._exit(0)
    wanted, setup, files, given, code = map(int, head[:5])
    os.write(tell, head[5] + b"\n" + frame.read(wanted))
    os.close(tell)
    setup = frame.read(setup)
    unpack(frame, files)
    given = frame.read(given)
    text = frame.read(code)
    if len(text) < code:
        os._exit(0)
serve_stdin(given)
if setup:
    exec(setup, {})
sys.modules["__main__"] = main
exec(compile(text, "<code>", "exec", dont_inherit=True), main.__dict__)
