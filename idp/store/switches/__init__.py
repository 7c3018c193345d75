"""Switches: an operator turns off a relying party, a country, an identity provider, or a key of ours (decision 0000.31).

A server itself turns off one thing alone: a provider's deviation (`idp.protocols.saml.deviation_guard`).

Every worker obeys within a second, and nobody has to tell it. `Switches` keeps what it read for half a second of the
monotonic clock, then reads again before it answers. So does a worker that was stopped for a minute, also where it was
stopped while it read. If it cannot read within half a second, it raises, and nothing goes on.

An attacker who can write to the database and has no key of ours turns nothing on. A row that does not verify counts as off,
and a process that saw a row does not believe that it is gone or older. The ledger is the second witness, also for a process
that starts later (`switch_records`): if it says off, the thing is off, whatever became of the row. The attacker can turn
things off; then the log says so.

Acts are numbered by their places in the ledger. A login carries how many acts were known when it began, and ends if a later
act is on its party or source: no clock decides. A worker that has not read the newest acts gives too low a number, and the
login may end once too often, never too seldom.

switch          one switch, the seal of its row, and what those ask who obey
switches        all switches, as a worker reads them, and faults in them
switchboard     sets a switch
switch_records  what the ledger says of them
"""
