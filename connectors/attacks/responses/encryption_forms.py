"""The one form of an encrypted assertion, and its methods: what XML encryption allows beside them, and we do not take.

The genuine party signed the Response around each.
"""

from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from connectors.attacks.responses.assertion_sealing import RSA_1_5, XENC, XENC11
from connectors.attacks.responses.recipes import edited, sealed
from connectors.attacks.responses.settings import Make, Table
from connectors.attacks.xml_signer import MORE, Edit, after, before, instead, part, swap, without
from connectors.profiles import AES256_GCM, MGF1_SHA1, RSA_OAEP_MGF1P
from connectors.profiles import SHA1 as SHA1_URI
from connectors.signatures.profile import DS

_KEY, _VALUE = "xenc:EncryptedKey", "xenc:CipherValue"
_DATA_END, _KEY_END, _END = "</xenc:EncryptedData>", "</xenc:EncryptedKey>", "</saml:EncryptedAssertion>"


def _last(old: str, new: str) -> Edit:
    """Edit where `old` stands last."""

    def edit(text: str) -> str:
        if old not in text:
            raise ValueError(f"nothing to swap: {old}")
        head, _, tail = text.rpartition(old)
        return head + new + tail

    return edit


def behind(listed: str = "", uri: str = "#{key}", then: Edit = str) -> Make:
    """The key stands right after the data, which refers to it by `uri` (OpenSAML's "peer" placement).

    `listed` is what its ReferenceList names. In both, `{key}` and `{data}` are the identifiers. `then` edits the result.
    """

    def edit(text: str) -> str:
        key = part(_KEY)(text)
        ids = {"key": key.split(' Id="')[1].split('"')[0], "data": text.split(' Id="')[1].split('"', maxsplit=1)[0]}
        reference = f'<ds:RetrievalMethod Type="{XENC}EncryptedKey" URI="{uri.format(**ids)}"/>'
        moved = key
        if listed:
            inner = f'<xenc:DataReference URI="{listed.format(**ids)}"/>'
            moved = before(_KEY_END, f"<xenc:ReferenceList>{inner}</xenc:ReferenceList>")(key)
        return then(before(_END, moved)(text.replace(key, reference)))

    return edited(edit)


def _doubled(key: str) -> str:
    """Twice, under two identifiers."""
    return key + key.replace(' Id="_k', ' Id="_l')


def _without_id(text: str) -> str:
    key_id = part(_KEY)(text).split(' Id="')[1].split('"')[0]
    return text.replace(f' Id="{key_id}"', "").replace(f'URI="#{key_id}"', 'URI="#"')


def _other_behind(text: str) -> str:
    return text.replace(f"{_KEY} ", "xenc:AgreedKey ").replace(f"</{_KEY}>", "</xenc:AgreedKey>")


def _inside(name: str, inside: str) -> Edit:
    """Something in an element that is empty."""

    def edit(text: str) -> str:
        found = text[text.index(f"<{name}") :].split("/>", maxsplit=1)[0]
        return text.replace(f"{found}/>", f"{found}>{inside}</{name}>")

    return edit


def _moved_key(text: str) -> str:
    """The EncryptedKey stands beside the EncryptedData, which does not say so."""
    return before(_END, part(_KEY)(text))(without(_KEY)(text))


def _ciphered(number: int, value: str) -> Make:
    """One CipherValue is something else: the first is the key's, the second that of the content."""
    return edited(instead(_VALUE, lambda _: value, number))


def _holding(value: str) -> str:
    return f"<{_VALUE}>{value}</{_VALUE}>"


_REFERENCE = '<xenc:CipherReference URI="http://169.254.169.254/latest/"/>'
_LIST = '<xenc:ReferenceList><xenc:DataReference URI="#x"/></xenc:ReferenceList>'
FORMS: Table = {
    "cipher_reference": {
        "cipher-reference-to-the-content": _ciphered(1, _REFERENCE),
        "cipher-reference-to-the-key": _ciphered(0, _REFERENCE),
    },
    "retrieval_method": {
        "retrieval-method-for-the-key": edited(after("<ds:KeyInfo>", '<ds:RetrievalMethod URI="#x"/>')),
        "key-behind-by-another-name": behind(uri="#_other"),
        "key-behind-without-a-name": behind("#{data}", then=_without_id),
        "something-else-behind": behind("#{data}", then=_other_behind),
        "key-behind-by-transforms": behind("#{data}", then=_inside("ds:RetrievalMethod", "<ds:Transforms/>")),
    },
    "encrypted_key": {
        "two-keys": edited(instead(_KEY, _doubled)),
        "no-key": edited(without(_KEY)),
        "key-with-a-name": edited(before(_KEY_END, "<xenc:CarriedKeyName>k</xenc:CarriedKeyName>")),
        "key-for-a-list": edited(before(_KEY_END, _LIST)),
        "key-behind-for-something-else": behind("#_other"),
        "key-behind-for-itself": behind("#{key}"),
        "two-keys-behind": behind("#{data}", then=instead(_KEY, _doubled)),
        "key-behind-for-a-part": behind("#{data}", then=_inside("xenc:DataReference", "<ds:Transforms/>")),
        "key-behind-with-a-text": behind("#{data}", then=_inside("xenc:DataReference", "victim")),
        "key-by-its-name": edited(after("<ds:KeyInfo>", "<ds:KeyName>k</ds:KeyName>")),
        "key-with-a-type": edited(after("<xenc:EncryptedKey ", f'Type="{XENC}EncryptedKey" ')),
    },
    "key_info": {"data-in-key-info": edited(after("</ds:X509Data>", "<ds:MgmtData>x</ds:MgmtData>"))},
    "encrypted_data": {
        "key-beside-the-data": edited(_moved_key),
        "content-instead-of-an-element": edited(swap(f"{XENC}Element", f"{XENC}Content")),
        "data-without-type": edited(swap(f' Type="{XENC}Element"', "")),
        "data-with-a-mime-type": edited(before(" Type=", ' MimeType="text/xml"')),
        "data-with-an-encoding": edited(before(" Type=", f' Encoding="{DS}base64"')),
        "data-with-properties": edited(before(_DATA_END, "<xenc:EncryptionProperties/>")),
        "no-data": edited(without("xenc:EncryptedData")),
        "two-data": edited(after(_DATA_END, "<xenc:EncryptedData/>")),
        "text-before-the-data": edited(before("<xenc:EncryptedData ", "victim")),
    },
    "cipher_value": {
        "content-that-is-no-base64": _ciphered(1, _holding("!!!!")),
        "content-of-iv-and-tag": sealed(value=lambda octets: octets[:28]),
        "key-without-padding": _ciphered(0, _holding("AAAAA")),
        "content-of-two-values": edited(_last("</xenc:CipherData>", f"{_holding('AAAA')}</xenc:CipherData>")),
        "content-with-an-id": edited(_last(f"<{_VALUE}>", f'<{_VALUE} Id="_v">')),
        "content-with-an-element": edited(_last(f"</{_VALUE}>", f"<x/></{_VALUE}>")),
    },
    "signature_place": {"signature-in-the-key": edited(before(_KEY_END, "<ds:Signature/>"))},
}


def parameter(algorithm: str, xml: str) -> Make:
    """A parameter of an encryption method that has none."""
    method = f'<xenc:EncryptionMethod Algorithm="{algorithm}"'
    return edited(swap(f"{method}/>", f"{method}>{xml}</xenc:EncryptionMethod>"))


def _content(uri: str) -> Make:
    return sealed(content=uri, made_with=AES256_GCM)


_NESTED = f'<ds:DigestMethod Algorithm="{XENC}sha256"><ds:X/></ds:DigestMethod>'
_MASK = f'<xenc11:MGF Algorithm="{XENC11}mgf1sha256"/>'
_METHOD_END = "</xenc:EncryptionMethod>"
METHODS: Table = {
    "content_encryption": {
        "aes-cbc-and-its-padding-oracle": sealed(content=f"{XENC}aes128-cbc"),
        "triple-des": _content(f"{XENC}tripledes-cbc"),
        "content-method-unknown": _content("urn:selftest:none"),
        "content-method-of-two-names": edited(after("<xenc:EncryptionMethod", ' Other="x"')),
        "content-method-with-a-text": parameter(AES256_GCM, "x"),
        "content-method-with-sha1": parameter(AES256_GCM, f'<ds:DigestMethod Algorithm="{SHA1_URI}"/>'),
        "content-method-with-a-hash-of-two": parameter(AES256_GCM, _NESTED),
        "tag-length": parameter(AES256_GCM, "<xenc11:TagLength>32</xenc11:TagLength>"),
    },
    "key_transport": {
        "parameters-of-the-mask": edited(swap(_MASK, _MASK[:-2] + "><ds:X/></xenc11:MGF>")),
        "text-between-parameters": edited(before(_MASK, "x")),
        "rsa-1-5-bleichenbacher": sealed(transport=RSA_1_5, digest=None, mgf=None),
        "key-method-unknown": edited(swap("rsa-oaep", "rsa-none")),
        "label": edited(before(_METHOD_END, "<xenc:OAEPparams>eA==</xenc:OAEPparams>")),
        "two-hashes": edited(before(_METHOD_END, f'<ds:DigestMethod Algorithm="{MORE}md5"/>')),
        "two-masks": sealed(transport=RSA_OAEP_MGF1P, hashes=(SHA256(), SHA1())),  # noqa: S303 # as named
    },
    "oaep_digest": {
        "hash-of-two-names": edited(after("<ds:DigestMethod", ' Other="x"')),
        "hash-of-md5": sealed(digest=f"{MORE}md5", hashes=(SHA256(), SHA256())),
    },
    "oaep_mgf": {"mask-of-sha224": sealed(mgf=f"{XENC11}mgf1sha224", hashes=(SHA256(), SHA256()))},
}
EIDAS_METHODS: Table = {
    "oaep_digest": {"oaep-with-sha1": sealed(digest=SHA1_URI), "oaep-that-says-no-hash": sealed(digest=None)},
    "oaep_mgf": {"mask-with-sha1": sealed(mgf=MGF1_SHA1), "oaep-that-says-no-mask": sealed(mgf=None)},
    "key_transport": {"oaep-of-the-first-edition": sealed(transport=RSA_OAEP_MGF1P, mgf=None)},
}
