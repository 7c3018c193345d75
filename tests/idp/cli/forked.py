"""`ciconia` as a process of its own that need not load the program: it is forked from one that did.

A command costs what it does, and not a second more for its imports. What a test reads is a process' own: its streams, its
exit code, its signals, and where root asks for it another account. `CICONIA` of `command` is the installed program itself.
"""

import array
import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

# Only for what would never end: the self-test takes forty seconds of a processor that is its own
SECONDS = 300
# Another account may not be able to read this Python, so all that a command needs is loaded before: its help is asked for
_SCRIPT = """
import __future__, _strptime, array, atexit, codecs, contextlib, gc, io, json, os, signal, socket, sys, threading, traceback
import idp.application.app, idp.cli, idp.doctor.key_files, idp.keys.file
from cryptography.hazmat.primitives.serialization import load_pem_private_key

def load(data, password):  # OpenSSL checks a key of RSA for 60 ms; the tests of keys in files run in one process
    return load_pem_private_key(data, password, unsafe_skip_rsa_key_validation=True)

for name in ("ascii", "latin-1", "idna", "utf-16be"):
    codecs.lookup(name)
for name in idp.cli.MODULES:
    with contextlib.redirect_stdout(io.StringIO()):
        idp.cli.app([name, "--help"], standalone_mode=False)
idp.keys.file.load_pem_private_key = idp.doctor.key_files.load_pem_private_key = load
gc.collect()
gc.freeze()  # what is loaded is nobody's garbage: a collection would copy every page of it
asked = socket.socket(fileno=int(sys.argv[1]))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)

def act(told, streams):
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(told["directory"])
    os.environ.clear()
    os.environ.update(told["environment"])
    if told["account"] is not None:
        os.setgroups([])
        os.setgid(told["account"])
        os.setuid(told["account"])
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1, errors="backslashreplace")
    sys.argv = ["ciconia", *told["arguments"]]
    code = 1
    try:
        idp.cli.main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    # All that an end does, but for taking the loaded program apart
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

while True:
    line, ancillary, _, _ = asked.recvmsg(1 << 20, socket.CMSG_SPACE(4 * array.array("i").itemsize))
    if not line:
        break
    *streams, ends = array.array("i", ancillary[0][2])
    if not os.fork():
        asked.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        child = os.fork()
        if not child:
            os.close(ends)
            act(json.loads(line), streams)
        for stream in streams:
            os.close(stream)
        os.write(ends, b"%d\\n" % child)
        os.write(ends, b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        os._exit(0)
    for each in (*streams, ends):
        os.close(each)
"""


class Forked:
    """A command that runs, with as much of `subprocess.Popen` as tests ask for. Nobody else reads or closes `ends`."""

    def __init__(self, ends: IO[str], stdout: IO[str] | None) -> None:
        self._ends = ends
        self.pid = int(ends.readline())
        self.stdout = stdout
        self.returncode: int | None = None

    def wait(self, timeout: float = SECONDS) -> int:
        """Its exit code, when it has ended; minus a signal's number where that ended it."""
        if self.returncode is None:
            if not select.select([self._ends], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("ciconia", timeout)
            self.returncode = int(self._ends.readline())
            self._ends.close()
        return self.returncode

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def send_signal(self, number: int) -> None:
        """Send it a signal, while it runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it with kill -9."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


@functools.cache
def _program() -> tuple[socket.socket, threading.Lock]:
    """The loaded program, one for a process of tests; it ends with that one, when its socket does."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM)
    program = subprocess.Popen([sys.executable, "-c", _SCRIPT, str(its.fileno())], pass_fds=[its.fileno()])
    its.close()
    atexit.register(program.wait)
    atexit.register(program.kill)
    return ours, threading.Lock()


def start(
    arguments: Sequence[str | Path],
    streams: Sequence[int],
    *,
    environment: Mapping[str, str] | None = None,
    account: int | None = None,
    stdout: IO[str] | None = None,
) -> Forked:
    """Begin a command with these three streams. `stdout` is the other end of the second one, where that is a pipe."""
    told = {
        "arguments": [os.fsdecode(each) for each in arguments],
        "directory": str(Path.cwd()),
        "environment": {**os.environ, "COLUMNS": "200", **(environment or {})},
        "account": account,
    }
    reading, ends = os.pipe()
    program, lock = _program()
    with lock:
        program.sendmsg(
            [json.dumps(told).encode()],
            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [*streams, ends]))],
        )
    os.close(ends)
    return Forked(os.fdopen(reading), stdout)


def run(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, stdin: str = "", account: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with `stdin` in a pipe."""
    reading, writing = os.pipe()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = start(arguments, (reading, out.fileno(), err.fileno()), environment=environment, account=account)
        os.close(reading)
        with suppress(BrokenPipeError), os.fdopen(writing, "w") as pipe:
            pipe.write(stdin)
        try:
            code = process.wait()
        finally:
            process.kill()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess([str(each) for each in arguments], code, out.read(), err.read())
