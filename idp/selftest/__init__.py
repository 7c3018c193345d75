"""The attack corpus: what must be refused, and by which check, and what must be accepted; made anew on each run.

case.py       a case, and the entrance at which it is tried
keys.py       fresh keys and certificates of a run
verdict.py    what an entrance says of a case, and whether that is right
run.py        tries every case of every generator, and says what came of each; report.py: its counts
clients.py    relying parties, and what their libraries need
live/         replays and mix-ups, played against a live broker
keeping.py    cases as files, with the command that asks `ciconia inspect` the same
versions.py   the libraries that a run speaks of

Nothing here is recorded: keys, identifiers and times are of this run, so that no case is known by its looks.
"""
