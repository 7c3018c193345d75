"""A child that is gone already is no reason to fall: its parent has others."""

import os
import signal
import subprocess
import sys

from idp.server.workers.supervisor import end, ended
from tests.idp.server.crew import alive, until


def child(code: str) -> int:
    return os.posix_spawn(sys.executable, [sys.executable, "-c", code], os.environ)


def test_a_child_that_ended_says_its_code_once_and_is_gone_afterwards() -> None:
    process = child("raise SystemExit(75)")
    codes: list[int] = []

    def told() -> bool:
        if (code := ended(process)) is not None:
            codes.append(code)
        return bool(codes)

    until(told)
    assert codes == [75]


def test_what_is_gone_is_ended_without_a_fall() -> None:
    process = child("import time; time.sleep(60)")
    assert ended(process) is None
    end(process)
    end(process)


def test_nobody_is_ended_who_is_not_our_child() -> None:
    """A number that was reaped may be another's by now."""
    with subprocess.Popen(["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        grandchild = int(parent.stdout.readline())
        end(grandchild)
        assert alive(grandchild)
        os.kill(grandchild, signal.SIGKILL)


FORKING = """
import os
from idp.server.workers.supervisor import fork

def tells():
    print("of the child")
    return 75

def fails():
    raise RuntimeError("what somebody sent")

print("of the parent")
for act in (tells, fails):
    status = os.waitpid(fork(act), 0)[1]
    print(os.waitstatus_to_exitcode(status))
"""


def test_a_child_ends_with_its_own_code_and_every_word_is_written_once() -> None:
    # Whose streams hold what they are given until they are full
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", FORKING]
    ran = subprocess.run(command, env=buffered, capture_output=True, text=True, check=True, timeout=60)
    first, child, told, failed, its_code = ran.stdout.splitlines()
    assert (first, child, told, its_code) == ("of the parent", "of the child", "75", "70")
    assert "worker_failed" in failed
    assert "kind=RuntimeError" in failed
    assert "what somebody sent" not in ran.stdout + ran.stderr
