"""What an operator may know while the broker runs, and what none of it holds: a value of a citizen.

families    every metric by name: its kind, its labels, and how the workers' figures become one
measures    where each worker counts, and the folder in which all of them do, by prometheus_client's multiprocess mode
exposition  what they counted in Prometheus' text format, and whether the broker is ready
listener    /metrics, /ready and /alive on a listener of their own, in a process of its own
steps       one line of the log and one count for each step of a login, under the login's reference
vitals      a look at database, ledger, keys, metadata and switches every few seconds, in each worker
timed       the time that a commit takes
"""
