"""The attack corpus: what the checks of this floor must refuse, and by which check, and what they must accept.

attack_case.py  a case, and the entrance at which it is tried; verdict.py: what came of it
key_holders.py  fresh keys and certificates of a run; xml_signer.py: a signer that signs nonsense
responses/      SAML responses
messages/       requests and single logout by POST; queries/: the same as signed queries
tokens/         id_tokens, client assertions, logout tokens
registrations/  metadata, key sets, certificates, registrations

Everything is made anew on each run: no case is known by its looks. `idp/selftest` runs it, and adds what needs a broker.
"""
