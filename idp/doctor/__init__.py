"""What `ciconia doctor` looks at: everything that is wrong with an installation, at once, and nothing is changed.

finding.py       one thing that is wrong: file, line, key, what, why it matters, how to mend it
case.py          what all checks look at: the folder, read as far as it can be, however broken
production.py    settings that would leak or lose; `serve` refuses them
files.py         files that nobody reads, and who may write to them
registrations.py services and purposes held against each other; translations.py: languages that a text lacks
keys.py          the key folder; certificates.py: dates
metadata.py      what is pinned and what is held of others
machine.py       libraries, disk, cookies behind this base address; opinions.py: what xmlsec can judge
database.py      the file, its journal, its revision; ledger.py: lag, checkpoints
rotation.py      keys that take over: what is to come, what is over, and whether one is left
valkey.py        the limits that all workers share: its library, whether it answers, and keeps every counter
network.py       what can only be seen from outside: clocks, and the proxy in front
examination.py   the table of all checks
"""
