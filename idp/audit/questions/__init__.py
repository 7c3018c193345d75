"""The questions that an auditor asks, answered from the ledger. No web and no command line in here.

auditor.py          `Auditor`: what every question reads with
opened.py           leaves with what they say, each opening checked against its leaf
summary.py          what a block of 4096 leaves says, without persons
ledger_summary.py   `summarise`: a whole ledger by its summaries, which it makes and keeps
filters.py          `LoginFilters`, and the logins that they select
report.py           `report_releases`: questions 1, 2, 3, 6 and 7, and the series of the plots
lacking.py          question 3: releases that lack what their purpose demands
switched_off.py     question 7: releases of what was switched off
"""
