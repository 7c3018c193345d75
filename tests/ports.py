"""Ports for programs that a test starts: the number is told first, and the program listens there a moment later.

Meanwhile nobody else may get it. The kernel gives whoever names no port one of `ip_local_port_range` (32768 and above), so
these lie below, and each process of the tests has some of its own.
"""

import itertools
import os

from idp.server.http import bind

FIRST, EACH, PROCESSES = 12_000, 500, 40

_begin = FIRST + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PROCESSES * EACH
# One after another, beginning where another run of the tests does not
_ports = itertools.cycle(_begin + (os.getpid() + number) % EACH for number in range(EACH))


def free_port() -> int:
    """A port of loopback at which nobody listens."""
    for port in itertools.islice(_ports, EACH):
        try:
            bind("127.0.0.1", port).close()
        except OSError:
            continue
        return port
    raise OSError("all ports of this process are taken")
