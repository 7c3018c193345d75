"""XML encryption (W3C XML Encryption 1.1) of one assertion, as one strict profile: AES-GCM, its key by RSA-OAEP or ECDH-ES.

algorithms  namespaces, and what we know by its URI
grammar     the pieces of the closed form
form        the one form of what others send: the data and its key
agreement   a key that is agreed on by ECDH-ES
decryption  one answer for every failure, and the whole plan for what comes out
encryption  what we send
"""

from connectors.signatures.xmlenc.decryption import open_assertion
from connectors.signatures.xmlenc.encryption import Transport, check_recipient, encrypt

__all__ = ["Transport", "check_recipient", "encrypt", "open_assertion"]
