"""The operator's pages (decision 0080): they read, and write proposals. Nothing is in force before `ciconia apply`.

application.py    the routes of forms
pages.py          each page: its address and what it shows; standing_pages.py, plan_pages.py, simulator.py, health_page.py
reading.py        what is in force, read from a database that takes no write from here
health.py         what the broker's metrics say, and which alerts that is
memory.py         sessions in the memory of this process alone
"""
