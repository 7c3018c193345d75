"""One supervisor and its workers: who serves, who replaces whom, and how all of it ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from tests.idp.server.crew import Answer, Crew, alive, begin, crew, refused, until


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    """One for the tests that leave it serving."""
    with crew(tmp_path_factory.mktemp("crew")) as found:
        yield found


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Crew]:
    """One of a test's own, to end."""
    with crew(tmp_path / "crew") as found:
        yield found


def in_a_thread(served: Crew, query: str) -> tuple[threading.Thread, list[Answer]]:
    """A request on its way, and where its answer will stand."""
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(served.ask(query)), daemon=True)
    thread.start()
    until((served.folder / "taken").exists)
    return thread, answers


# -- serving


def test_all_workers_answer_on_one_socket_and_the_supervisor_has_one_thread(lasting: Crew) -> None:
    answers = lasting.asked_all(2)
    assert set(answers) == lasting.processes
    assert len({answer.number for answer in answers.values()}) == 2
    assert [path.name for path in Path(f"/proc/{lasting.supervisor.pid}/task").iterdir()] == [str(lasting.supervisor.pid)]


def threads(process: int) -> list[int]:
    return [int(path.name) for path in Path(f"/proc/{process}/task").iterdir()]


def test_each_worker_has_a_processor_to_itself_where_there_is_one_for_each(lasting: Crew) -> None:
    ours = os.sched_getaffinity(lasting.supervisor.pid)
    each = [os.sched_getaffinity(process) for process in lasting.processes]
    if len(ours) == 2:
        assert sorted(map(sorted, each)) == sorted([one] for one in ours)
        # There a thread that is woken takes it from nobody; the supervisor has all, and is scheduled as usual
        assert {os.sched_getscheduler(thread) for process in lasting.processes for thread in threads(process)} == {
            os.SCHED_BATCH
        }
        assert os.sched_getscheduler(lasting.supervisor.pid) == os.SCHED_OTHER
        # The one that takes a dead one's place takes its processor too
        os.kill(max(lasting.processes), signal.SIGKILL)
        until(lambda: len(lasting.asked_all(2)) == 2)
        until(lambda: {next(iter(os.sched_getaffinity(process))) for process in lasting.processes} == ours)
    else:
        assert each == [ours, ours]
        assert {os.sched_getscheduler(process) for process in lasting.processes} == {os.SCHED_OTHER}


def test_workers_share_no_random_state(lasting: Crew) -> None:
    drawn = [answer.random for answer in lasting.asked_all(2).values()]
    assert len({number for pair in drawn for number in pair}) == 4


def test_lines_of_a_worker_carry_its_number(served: Crew) -> None:
    served.say("unfit")
    until(lambda: bool(served.events("reload_refused")))
    assert [line["worker"] for line in served.events("worker_misconfigured")] == [3]
    assert "worker" not in served.events("reload_refused")[0]


# -- a worker dies


def test_a_worker_that_is_killed_is_replaced(lasting: Crew) -> None:
    before = lasting.processes
    os.kill(min(before), signal.SIGKILL)
    until(lambda: len(lasting.processes - {min(before)}) == 2)
    assert len(lasting.asked_all(2)) == 2
    assert lasting.events("worker_died")[-1]["code"] == -signal.SIGKILL


def test_workers_that_keep_dying_are_replaced_later_each_time(served: Crew) -> None:
    for deaths in range(1, 4):
        victim = min(served.processes)
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(served.events("worker_died")) == deaths and len(served.processes) == 2)  # noqa: B023 - at once
    assert [line["restart_seconds"] for line in served.events("worker_died")] == [0.1, 0.2, 0.4]


@pytest.mark.parametrize("how", ["stopped", "hanging"])
def test_a_worker_that_stands_still_is_replaced(tmp_path: Path, how: str) -> None:
    """What it holds, a lock of the database perhaps, the others would wait for until somebody woke it."""
    with crew(tmp_path / "crew", looks=30) as served:
        connection = served.connect()
        victim = served.ask(over=connection).process
        if how == "stopped":
            os.kill(victim, signal.SIGSTOP)
        else:
            connection.request("GET", "/?hang=1")
        until(lambda: victim not in served.processes and len(served.processes) == 2)
        connection.close()
        assert served.events("worker_hangs")
        assert len(served.asked_all(2)) == 2


def test_the_companion_is_begun_again_too(lasting: Crew) -> None:
    path = lasting.folder / "companion"
    before = int(path.read_text(encoding="ascii"))
    os.kill(before, signal.SIGKILL)
    until(lambda: path.read_text(encoding="ascii") not in {"", str(before)})


# -- a machine without room for a process


def test_where_no_process_can_be_forked_the_others_serve_and_it_is_tried_again(served: Crew) -> None:
    room = served.folder / "room"
    room.write_text("0", encoding="ascii")
    victim, other = served.processes
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(served.events("cannot_fork")) >= 2)
    assert served.events("cannot_fork")[0]["why"] == "Resource temporarily unavailable"
    assert served.processes == {other}
    assert served.ask().process == other
    room.unlink()
    assert other in served.asked_all(2)


def test_a_reload_without_room_for_its_workers_is_refused_and_the_old_ones_serve(served: Crew) -> None:
    before, room = served.processes, served.folder / "room"
    room.write_text("1", encoding="ascii")
    served.say("two")
    until(lambda: bool(served.events("reload_refused")))
    until(lambda: served.processes == before)
    assert served.ask().word == "one"
    assert [len(served.events(name)) for name in ("cannot_fork", "reload_refused")] == [1, 1]
    room.unlink()
    served.say("two")
    until(lambda: bool(served.events("reloaded")))
    until(lambda: served.ask().word == "two")


# -- SIGHUP


def test_a_reload_serves_the_new_configuration_and_the_old_workers_leave(served: Crew) -> None:
    before = served.processes
    thread, answers = in_a_thread(served, "wait=1")
    served.say("two")
    until(lambda: bool(served.events("reloaded")))
    until(lambda: served.ask().word == "two")
    thread.join(10)
    # What an old worker had begun, it ended
    assert [(answer.word, answer.process in before) for answer in answers] == [("one", True)]
    until(lambda: len(served.processes) == 2)
    assert served.processes.isdisjoint(before)
    assert sum(line.startswith("stopped") for line in served.lines) == 2


def test_no_request_fails_while_it_reloads_again_and_again(served: Crew) -> None:
    """Posts over connections that a proxy would keep: none may be cut, as none may be repeated."""
    ending, failed, answered = threading.Event(), [], []

    def post() -> None:
        connection = served.connect()
        while not ending.is_set():
            try:
                answer = served.ask(over=connection, body=b"x" * 100)
            except (OSError, HTTPException) as error:
                failed.append(repr(error))
                break
            answered.append(answer.word)
            if answer.closing:
                connection.close()
        connection.close()

    threads = [threading.Thread(target=post, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for word in ("two", "three", "four"):
        served.say(word)
        until(lambda: word in answered)  # noqa: B023 - at once
    until(lambda: len(served.processes) == 2)
    ending.set()
    for thread in threads:
        thread.join(10)
    assert failed == []
    assert {"one", "four"} <= set(answered)


def test_a_reload_that_is_asked_for_during_another_comes_after_it(served: Crew) -> None:
    thread, answers = in_a_thread(served, "wait=1")
    served.say("two")
    until(lambda: len(served.events("reloaded")) == 1)
    served.say("three")
    until(lambda: len(served.events("reloaded")) == 2)
    until(lambda: len(served.processes) == 2 and served.ask().word == "three")
    thread.join(10)
    assert [answer.word for answer in answers] == ["one"]


@pytest.mark.parametrize("word", ["unreadable", "unforeseen", "unfit", "away"])
def test_a_broken_configuration_leaves_the_old_workers_serving_and_says_so(served: Crew, word: str) -> None:
    before = served.processes
    served.say(word)
    until(lambda: bool(served.events("reload_refused")))
    until(lambda: served.processes == before)
    assert served.ask().word == "one"
    refusals = served.events("reload_refused")
    assert len(refusals) == 1
    assert refusals[0]["serving"] == "as before"
    assert "hunter2" not in str(refusals), "the text of an exception may quote a password"
    # Mended, it is taken
    served.say("two")
    until(lambda: bool(served.events("reloaded")))
    until(lambda: served.ask().word == "two")


def test_new_workers_that_die_at_once_leave_the_old_ones_serving_and_are_told_once(served: Crew) -> None:
    """One look finds both: what follows from the end of the first must not lose that the second ended too."""
    before = served.processes
    served.say("slow")
    until(lambda: len(served.processes) == 4)
    coming = served.processes - before
    served.supervisor.send_signal(signal.SIGSTOP)
    for process in coming:
        os.kill(process, signal.SIGKILL)
    until(lambda: not any(alive(process) for process in coming))
    served.supervisor.send_signal(signal.SIGCONT)
    until(lambda: bool(served.events("reload_refused")))
    time.sleep(0.5)  # some looks more: they find the old ones, and nothing to stumble over
    assert served.processes == before
    assert served.ask().word == "one"
    served.say("two")
    until(lambda: bool(served.events("reloaded")))
    until(lambda: served.ask().word == "two")
    assert len(served.events("reload_refused")) == 1
    assert served.events("worker_died") == []


# -- the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_begun_is_answered_and_then_it_ends_with_0(served: Crew, number: signal.Signals) -> None:
    thread, answers = in_a_thread(served, "wait=0.7")
    assert served.end(number) == 0
    thread.join(10)
    assert len(answers) == 1
    assert refused(served.port)
    assert sum(line.startswith("stopped") for line in served.lines) == 2


def test_a_connection_that_is_kept_gets_its_last_answer_with_a_word_to_close_it(served: Crew) -> None:
    connection = served.connect()
    process = served.ask(over=connection).process
    served.supervisor.send_signal(signal.SIGTERM)
    until(lambda: refused(served.port))
    # A proxy's request that crossed our leaving
    last = served.ask(over=connection, body=b"approve")
    assert (last.process, last.taken, last.closing) == (process, 7, True)
    assert served.supervisor.wait(20) == 0


def test_health_is_denied_before_the_socket_closes(tmp_path: Path) -> None:
    with crew(tmp_path / "crew", drain=30) as served:
        ready = served.folder / "ready"
        until(lambda: ready.read_text(encoding="ascii") == "2")
        served.supervisor.send_signal(signal.SIGTERM)
        until(lambda: ready.read_text(encoding="ascii") == "0")
        connection = HTTPConnection("127.0.0.1", served.port, timeout=10)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 503
        connection.close()
        # Whoever has not noticed yet is served
        answer = served.ask()
        assert (answer.word, answer.closing) == ("one", True)
        assert served.supervisor.poll() is None
        assert served.end() == 0


def test_a_second_signal_does_not_wait_for_the_proxy(tmp_path: Path) -> None:
    with crew(tmp_path / "crew", drain=60) as served:
        served.supervisor.send_signal(signal.SIGTERM)
        until(lambda: served.ask().closing)
        assert served.end(signal.SIGTERM) == 0


def test_a_worker_that_dies_while_the_proxy_is_waited_for_is_replaced(tmp_path: Path) -> None:
    with crew(tmp_path / "crew", workers=1, drain=60) as served:
        before = served.ask().process
        served.supervisor.send_signal(signal.SIGTERM)
        until(lambda: served.ask().closing)
        os.kill(before, signal.SIGKILL)
        answer = served.ask()
        assert (answer.process != before, answer.closing) == (True, True)
        assert served.end(signal.SIGTERM) == 0


def test_what_a_service_manager_sends_to_all_of_them_is_the_supervisors_to_follow(tmp_path: Path) -> None:
    """While it waits for the proxy, the workers serve."""
    with crew(tmp_path / "crew", drain=60) as served:
        before = served.processes
        companion = (served.folder / "companion").read_text(encoding="ascii")
        for process in (*before, int(companion)):
            os.kill(process, signal.SIGTERM)
        served.supervisor.send_signal(signal.SIGTERM)
        until(lambda: (served.folder / "ready").read_text(encoding="ascii") == "0")
        time.sleep(0.5)  # longer than one that leaves takes
        assert served.processes == before
        assert set(served.asked_all(2)) == before
        assert (served.folder / "companion").read_text(encoding="ascii") == companion
        assert alive(int(companion))
        assert served.end(signal.SIGTERM) == 0
        assert sum(line.startswith("stopped") for line in served.lines) == 2
    assert served.events("worker_died") == []


def test_workers_follow_a_supervisor_that_was_killed(served: Crew) -> None:
    workers = served.processes
    thread, answers = in_a_thread(served, "wait=0.5")
    served.supervisor.kill()
    served.supervisor.wait(10)
    thread.join(10)
    assert len(answers) == 1
    until(lambda: not any(alive(worker) for worker in workers))
    companion = int((served.folder / "companion").read_text(encoding="ascii"))
    until(lambda: not alive(companion))
    assert refused(served.port)


@pytest.mark.parametrize("word", ["unfit", "away"])
def test_where_the_first_worker_cannot_begin_it_is_told_once_and_ends_with_1(tmp_path: Path, word: str) -> None:
    found = begin(tmp_path / "crew", word=word, workers=2)
    assert found.supervisor.stdout is not None
    assert found.supervisor.stdout.read() == ""
    assert found.supervisor.wait(20) == 1
    found.supervisor.stdout.close()
    assert sum(line.startswith("told: ") for line in found.lines) == 1


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
