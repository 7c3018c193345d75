"""The auditor's desk: what its pages answer. How auditors sign in, and what a page is made of, lies one room above.

application.py  the routes that no other desk has: files of the log, proofs, bundles, uploads and uses of grants
questions.py    each page: its address, its filters, and what it shows
reading.py      what a page reads, and the question that it answers
summaries.py    keeps summaries of the ledger, so that no page waits for a million leaves
"""
