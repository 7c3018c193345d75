"""`ciconia doctor --selftest`: runs the attack corpus of `connectors/attacks`, and what needs more of the broker.

run.py        tries every case of every generator, and says what came of each; report.py: its counts
clients.py    registrations of relying parties
live/         replays and mix-ups, played against a live broker
keeping.py    cases as files, with the command that asks `ciconia inspect` the same
versions.py   the libraries that a run speaks of
"""
