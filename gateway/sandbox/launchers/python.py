# Waits in a warm container for one job on stdin, in a child that is made ahead and runs it. Fed by gateway/sandbox/launch.ts.
import fcntl, os, signal, subprocess, sys, traceback

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


def unpack(files):
    # The runner packs plain ustar: regular files only, with names of at most 100 bytes.
    at = 0
    while at < len(files) and files[at]:
        name = bytes(files[at : at + 100]).split(b"\0")[0]
        size = int(bytes(files[at + 124 : at + 135]), 8)
        os.makedirs(os.path.dirname(name) or b".", exist_ok=True)
        with open(name, "wb") as file:
            file.write(files[at + 512 : at + 512 + size])
        at += 512 + -(-size // 512) * 512


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
unpack(memoryview(b"x".ljust(124, b"\0") + b"00000000001\0".ljust(388, b"\0") + bytes(512)))
os.remove("x")
os.close(os.memfd_create("stdin"))
exec(compile(b"pass", "<code>", "exec", dont_inherit=True), {})
print("ready")
with os.fdopen(0, "rb", closefd=False) as frame:
    head = frame.readline().split()
    if len(head) != 6:
        os._exit(0)
    wanted, setup, files, given, code = (frame.read(int(size)) for size in head[:5])
os.write(tell, head[5] + b"\n" + wanted)
os.close(tell)
unpack(memoryview(files))
serve_stdin(given)
if setup:
    exec(setup, {})
sys.modules["__main__"] = main
exec(compile(code, "<code>", "exec", dont_inherit=True), main.__dict__)
