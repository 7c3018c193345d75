"""The auditor's desk: pages of its own at an address of its own. Nothing here is served to citizens.

relying_party.py    the desk as a service of its own broker: auditors sign in with their eID at high
sign_in.py          one sign-in under way: a sealed cookie until it ends
sessions.py         who has signed in: short, and looked up in the list at each request
events.py           what is recorded of sign-ins
application.py      the routes
pages.py            the templates, phrases and headers
"""
