"""SAML responses: those that must be refused, each by one check, and those that must be accepted.

answer.py       a response as data
signing.py      a signer that signs nonsense
encrypting.py   an encrypter that encrypts nonsense
agreeing.py     the same to a key on a curve
judging.py      what a file becomes at an entrance
parties.py      keys, registrations and entrances of a run
making.py       a setting makes octets of answers: what is signed, what is encrypted
wrapping.py     signature wrapping
signatures.py   evil data in signatures, signatures of other messages, no signatures
algorithms.py   keys that a message brings along, algorithms that it would like
signed_info.py  digests, references, transforms
limits.py       namespaces, identifiers, sizes
markup.py       encodings, DOCTYPE, entities, comments, instructions, CDATA
coming.py       by which binding, in which parameters
binding.py      to whom, to what, from whom, when
subject.py      who somebody is, and how surely
grammar.py      statuses, versions, and what nobody knows
sealed.py       encrypted assertions: who encrypted them, where they stand, what is in them
sealed_forms.py their one form, and their methods
agreements.py   keys that are agreed on
variants.py     valid: spellings and signatures
ciphers.py      valid: encryption
meanings.py     valid: what the standards leave open
cases.py        all of them
"""

from connectors.attacks.responses.cases import response_cases

__all__ = ["response_cases"]
