"""The questions that an auditor asks, answered from the ledger. No web and no command line in here.

auditor.py      `Auditor`: what every question reads with
"""
