"""Desks: pages of their own at an address of their own, for auditors and for operators. Nothing here is served to citizens.

auditor/            what the auditor's desk answers
operator/           what the operator's pages show and propose
application.py      the routes of pages and of their tables as files
blocks.py           what a page is made of; table_views.py, exports.py and plots.py show it
sign_in_routes.py   who gets in, by relying_party.py and sign_in.py (their eID), or by passkeys.py
sessions.py         who has signed in: short, and looked up in the list at each request
events.py           what is recorded of sign-ins
pages.py            the templates, phrases and headers
"""
