"""The auditor's desk: pages of its own at an address of its own. Nothing here is served to citizens.

application.py      the routes of pages and of their tables as files
questions.py        each page: its address, its filters, and what it shows
blocks.py           what a page is made of; table_views.py, exports.py and plots.py show it
sign_in_routes.py   who gets in, by relying_party.py and sign_in.py (their eID), or by passkeys.py
sessions.py         who has signed in: short, and looked up in the list at each request
events.py           what is recorded of sign-ins
pages.py            the templates, phrases and headers
"""
