"""Requests and single logout by POST that must be refused, and those that must be accepted.

making.py      a message as text, and how it is signed
parties.py     who sends, their metadata, and the server's judges
benches.py     good messages, and where each kind is judged
signatures.py  signatures that say less than they seem to
octets.py      octets that parsers read differently, sizes, spellings of the parameter
meaning.py     what a request or a logout may not say
valid.py       what must be accepted
"""

from connectors.attacks.messages.cases import message_cases

__all__ = ["message_cases"]
