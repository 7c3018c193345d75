"""XML encryption (W3C XML Encryption 1.1) of one assertion, as one strict profile: AES-GCM, its key by RSA-OAEP, inline.

algorithms  namespaces, and what we know by its URI
form        the closed form of what others send
opening     decrypting it: one answer for every failure, and the whole plan for what comes out
writing     encrypting what we send
"""

from connectors.signatures.xmlenc.opening import open_assertion
from connectors.signatures.xmlenc.writing import check_recipient, encrypt

__all__ = ["check_recipient", "encrypt", "open_assertion"]
