"""`ciconia doctor --selftest`: runs the attack corpus of `connectors/attacks`, and what needs more of the broker.

run.py          tries every case of every generator; report.py: the counts, and the libraries that they speak of
clients.py      registrations of relying parties
live/           replays and mix-ups, played against a live broker
case_keeper.py  cases as files, with the command that asks `ciconia inspect` the same
"""
