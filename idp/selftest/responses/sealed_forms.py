"""The one form of an encrypted assertion, and its methods: what XML encryption allows beside them, and we do not take.

The genuine party signed the Response around each.
"""

from collections.abc import Callable
from dataclasses import replace

from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from connectors.profiles import AES256_GCM, MGF1_SHA1, RSA_OAEP_MGF1P
from connectors.profiles import SHA1 as SHA1_URI
from connectors.signatures.profile import DS
from idp.selftest.responses.encrypting import RSA_1_5, XENC, XENC11, Encryption
from idp.selftest.responses.making import Row, Setting
from idp.selftest.responses.signing import MORE, Edit, swap

_DATA_END, _KEY_END = "</xenc:EncryptedData>", "</xenc:EncryptedKey>"


def sealed_so(change: Callable[[Encryption], Encryption]) -> Callable[[Setting], bytes]:
    """A good answer that is encrypted in another way."""
    return lambda setting: setting.sent(encryption=change(setting.encryption_here))


# -- the closed form -------------------------------------------------------------------------------------------------------


def edited(edit: Edit) -> Callable[[Setting], bytes]:
    """A good answer whose EncryptedAssertion was edited before the Response was signed."""
    return sealed_so(lambda made: replace(made, edit=edit))


def _last(old: str, new: str) -> Edit:
    """Edit where `old` stands last."""

    def edit(text: str) -> str:
        if old not in text:
            raise ValueError(f"nothing to swap: {old}")
        head, _, tail = text.rpartition(old)
        return head + new + tail

    return edit


def part(name: str, number: int = 0) -> Callable[[str], str]:
    """One element of a text, by its name."""

    def found(text: str) -> str:
        begin = -1
        for _ in range(number + 1):
            begin = text.index(f"<{name}", begin + 1)
        end = f"</{name}>"
        return text[begin : text.index(end, begin) + len(end)]

    return found


def _without(name: str) -> Edit:
    return lambda text: text.replace(part(name)(text), "", 1)


def behind(listed: str = "", uri: str = "#{key}") -> Edit:
    """The key stands right after the data, which refers to it by `uri` (OpenSAML's "peer" placement).

    `listed` is what its ReferenceList names. In both, `{key}` and `{data}` are the identifiers.
    """

    def edit(text: str) -> str:
        key = part("xenc:EncryptedKey")(text)
        ids = {"key": key.split(' Id="')[1].split('"')[0], "data": text.split(' Id="')[1].split('"', maxsplit=1)[0]}
        reference = f'<ds:RetrievalMethod Type="{XENC}EncryptedKey" URI="{uri.format(**ids)}"/>'
        moved = key
        if listed:
            inner = f'<xenc:DataReference URI="{listed.format(**ids)}"/>'
            moved = key.replace(_KEY_END, f"<xenc:ReferenceList>{inner}</xenc:ReferenceList>{_KEY_END}")
        return text.replace(key, reference).replace("</saml:EncryptedAssertion>", f"{moved}</saml:EncryptedAssertion>")

    return edit


def _behind(change: Edit) -> Callable[[Setting], bytes]:
    """The key stands behind the data, and then something is edited."""
    moved = behind("#{data}")
    return edited(lambda text: change(moved(text)))


def _second_behind(text: str) -> str:
    key = part("xenc:EncryptedKey")(text)
    return text.replace(key, key + key.replace(' Id="_k', ' Id="_l'))


def _without_id(text: str) -> str:
    key_id = part("xenc:EncryptedKey")(text).split(' Id="')[1].split('"')[0]
    return text.replace(f' Id="{key_id}"', "").replace(f'URI="#{key_id}"', 'URI="#"')


def _other_behind(text: str) -> str:
    return text.replace("xenc:EncryptedKey ", "xenc:AgreedKey ").replace("</xenc:EncryptedKey>", "</xenc:AgreedKey>")


def _with_transforms(text: str) -> str:
    reference = text[text.index("<ds:RetrievalMethod") :].split("/>", maxsplit=1)[0]
    return text.replace(f"{reference}/>", f"{reference}><ds:Transforms/></ds:RetrievalMethod>")


def _reference_of(inside: str) -> Edit:
    def edit(text: str) -> str:
        reference = text[text.index("<xenc:DataReference") :].split("/>", maxsplit=1)[0]
        return text.replace(f"{reference}/>", f"{reference}>{inside}</xenc:DataReference>")

    return edit


def _moved_key(text: str) -> str:
    """The EncryptedKey stands beside the EncryptedData, which does not say so."""
    key = part("xenc:EncryptedKey")(text)
    return text.replace(key, "").replace("</saml:EncryptedAssertion>", f"{key}</saml:EncryptedAssertion>")


def _two_keys(text: str) -> str:
    key = part("xenc:EncryptedKey")(text)
    second = key.replace(' Id="_k', ' Id="_l')
    return text.replace(key, key + second)


def _referenced(number: int) -> Edit:
    reference = '<xenc:CipherReference URI="http://169.254.169.254/latest/"/>'
    return lambda text: text.replace(part("xenc:CipherValue", number)(text), reference, 1)


def _ciphered(number: int, value: str) -> Edit:
    """One CipherValue says something else: the first is the key's, the second that of the content."""
    return lambda text: text.replace(
        part("xenc:CipherValue", number)(text), f"<xenc:CipherValue>{value}</xenc:CipherValue>", 1
    )


_HINT_END = "</ds:X509Data></ds:KeyInfo>"
FORMS: tuple[Row, ...] = (
    ("cipher-reference-to-the-content", "cipher_reference", edited(_referenced(1))),
    ("cipher-reference-to-the-key", "cipher_reference", edited(_referenced(0))),
    (
        "retrieval-method-for-the-key",
        "retrieval_method",
        edited(swap("<ds:KeyInfo>", '<ds:KeyInfo><ds:RetrievalMethod URI="#x"/>')),
    ),
    (
        "retrieval-method-of-a-file",
        "retrieval_method",
        edited(swap(_HINT_END, '</ds:X509Data><ds:RetrievalMethod URI="file:///etc/passwd"/></ds:KeyInfo>')),
    ),
    ("two-keys", "encrypted_key", edited(_two_keys)),
    ("no-key", "encrypted_key", edited(_without("xenc:EncryptedKey"))),
    (
        "key-with-a-name",
        "encrypted_key",
        edited(swap(_KEY_END, f"<xenc:CarriedKeyName>k</xenc:CarriedKeyName>{_KEY_END}")),
    ),
    (
        "key-for-a-list",
        "encrypted_key",
        edited(swap(_KEY_END, f'<xenc:ReferenceList><xenc:DataReference URI="#x"/></xenc:ReferenceList>{_KEY_END}')),
    ),
    ("key-beside-the-data", "encrypted_data", edited(_moved_key)),
    ("key-behind-for-something-else", "encrypted_key", edited(behind("#_other"))),
    ("key-behind-for-itself", "encrypted_key", edited(behind("#{key}"))),
    ("key-behind-by-another-name", "retrieval_method", edited(behind(uri="#_other"))),
    ("key-behind-by-an-address", "retrieval_method", edited(behind(uri="https://evil.selftest.example/#{key}"))),
    ("two-keys-behind", "encrypted_key", _behind(_second_behind)),
    ("key-behind-without-a-name", "retrieval_method", _behind(_without_id)),
    ("something-else-behind", "retrieval_method", _behind(_other_behind)),
    ("key-behind-by-transforms", "retrieval_method", _behind(_with_transforms)),
    ("key-behind-for-a-part", "encrypted_key", _behind(_reference_of("<ds:Transforms/>"))),
    ("key-behind-with-a-text", "encrypted_key", _behind(_reference_of("victim"))),
    ("key-by-its-name", "encrypted_key", edited(swap("<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyName>k</ds:KeyName>"))),
    (
        "key-with-a-type",
        "encrypted_key",
        edited(swap("<xenc:EncryptedKey ", f'<xenc:EncryptedKey Type="{XENC}EncryptedKey" ')),
    ),
    ("data-in-key-info", "key_info", edited(swap(_HINT_END, "</ds:X509Data><ds:MgmtData>x</ds:MgmtData></ds:KeyInfo>"))),
    ("content-instead-of-an-element", "encrypted_data", edited(swap(f"{XENC}Element", f"{XENC}Content"))),
    ("data-without-type", "encrypted_data", edited(swap(f' Type="{XENC}Element"', ""))),
    ("data-with-a-mime-type", "encrypted_data", edited(swap(" Type=", ' MimeType="text/xml" Type='))),
    ("data-with-an-encoding", "encrypted_data", edited(swap(" Type=", f' Encoding="{DS}base64" Type='))),
    ("data-with-properties", "encrypted_data", edited(swap(_DATA_END, f"<xenc:EncryptionProperties/>{_DATA_END}"))),
    ("no-data", "encrypted_data", edited(_without("xenc:EncryptedData"))),
    ("two-data", "encrypted_data", edited(swap(_DATA_END, f"{_DATA_END}<xenc:EncryptedData/>"))),
    ("text-before-the-data", "encrypted_data", edited(swap("<xenc:EncryptedData ", "victim<xenc:EncryptedData "))),
    ("text-beside-the-data", "encrypted_data", edited(swap(_DATA_END, f"{_DATA_END}victim"))),
    ("content-that-is-no-base64", "cipher_value", edited(_ciphered(1, "!!!!"))),
    ("content-that-is-empty", "cipher_value", edited(_ciphered(1, ""))),
    ("content-of-iv-and-tag", "cipher_value", sealed_so(lambda made: replace(made, value=lambda octets: octets[:28]))),
    ("key-that-is-empty", "cipher_value", edited(_ciphered(0, ""))),
    ("key-without-padding", "cipher_value", edited(_ciphered(0, "AAAAA"))),
    (
        "content-of-two-values",
        "cipher_value",
        edited(_last("</xenc:CipherData>", "<xenc:CipherValue>AAAA</xenc:CipherValue></xenc:CipherData>")),
    ),
    ("content-with-an-id", "cipher_value", edited(_last("<xenc:CipherValue>", '<xenc:CipherValue Id="_v">'))),
    ("content-with-an-element", "cipher_value", edited(_last("</xenc:CipherValue>", "<x/></xenc:CipherValue>"))),
    ("signature-in-the-key", "signature_place", edited(swap(_KEY_END, f"<ds:Signature/>{_KEY_END}"))),
)

# -- methods ---------------------------------------------------------------------------------------------------------------


def _content(uri: str) -> Callable[[Setting], bytes]:
    return sealed_so(lambda made: replace(made, content=uri, made_with=AES256_GCM))


def _parameter(xml: str) -> Callable[[Setting], bytes]:
    """A parameter of the content's encryption."""
    method = f'<xenc:EncryptionMethod Algorithm="{AES256_GCM}"'
    return edited(swap(f"{method}/>", f"{method}>{xml}</xenc:EncryptionMethod>"))


_NESTED = f'<ds:DigestMethod Algorithm="{XENC}sha256"><ds:X/></ds:DigestMethod>'
_MASK = f'<xenc11:MGF Algorithm="{XENC11}mgf1sha256"/>'
_OAEP_END = "</xenc:EncryptionMethod>"
METHODS: tuple[Row, ...] = (
    (
        "aes-cbc-and-its-padding-oracle",
        "content_encryption",
        sealed_so(lambda made: replace(made, content=f"{XENC}aes128-cbc")),
    ),
    ("aes-256-cbc", "content_encryption", _content(f"{XENC}aes256-cbc")),
    ("triple-des", "content_encryption", _content(f"{XENC}tripledes-cbc")),
    ("content-method-unknown", "content_encryption", _content("urn:selftest:none")),
    ("content-method-empty", "content_encryption", _content("")),
    (
        "content-method-of-two-names",
        "content_encryption",
        edited(swap("<xenc:EncryptionMethod", '<xenc:EncryptionMethod Other="x"')),
    ),
    ("content-method-with-a-text", "content_encryption", _parameter("x")),
    ("content-method-with-sha1", "content_encryption", _parameter(f'<ds:DigestMethod Algorithm="{SHA1_URI}"/>')),
    ("content-method-with-a-hash-of-two", "content_encryption", _parameter(_NESTED)),
    ("parameters-of-the-mask", "key_transport", edited(swap(_MASK, _MASK[:-2] + "><ds:X/></xenc11:MGF>"))),
    ("text-between-parameters", "key_transport", edited(swap(_MASK, f"x{_MASK}"))),
    ("hash-of-two-names", "oaep_digest", edited(swap("<ds:DigestMethod", '<ds:DigestMethod Other="x"'))),
    ("key-size", "content_encryption", _parameter("<xenc:KeySize>64</xenc:KeySize>")),
    ("tag-length", "content_encryption", _parameter("<xenc11:TagLength>32</xenc11:TagLength>")),
    (
        "rsa-1-5-bleichenbacher",
        "key_transport",
        sealed_so(lambda made: replace(made, transport=RSA_1_5, digest=None, mgf=None)),
    ),
    ("key-method-unknown", "key_transport", edited(swap("rsa-oaep", "rsa-none"))),
    ("label", "key_transport", edited(swap(_OAEP_END, f"<xenc:OAEPparams>eA==</xenc:OAEPparams>{_OAEP_END}"))),
    ("two-hashes", "key_transport", edited(swap(_OAEP_END, f'<ds:DigestMethod Algorithm="{MORE}md5"/>{_OAEP_END}'))),
    ("hash-of-md5", "oaep_digest", sealed_so(lambda made: replace(made, digest=f"{MORE}md5", hashes=(SHA256(), SHA256())))),
    (
        "mask-of-sha224",
        "oaep_mgf",
        sealed_so(lambda made: replace(made, mgf=f"{XENC11}mgf1sha224", hashes=(SHA256(), SHA256()))),
    ),
    (
        "two-masks",
        "key_transport",
        sealed_so(lambda made: replace(made, transport=RSA_OAEP_MGF1P, hashes=(SHA256(), SHA1()))),  # noqa: S303 # as named
    ),
)
EIDAS_METHODS: tuple[Row, ...] = (
    ("oaep-with-sha1", "oaep_digest", sealed_so(lambda made: replace(made, digest=SHA1_URI))),
    ("oaep-that-says-no-hash", "oaep_digest", sealed_so(lambda made: replace(made, digest=None))),
    ("mask-with-sha1", "oaep_mgf", sealed_so(lambda made: replace(made, mgf=MGF1_SHA1))),
    ("oaep-that-says-no-mask", "oaep_mgf", sealed_so(lambda made: replace(made, mgf=None))),
    (
        "oaep-of-the-first-edition",
        "key_transport",
        sealed_so(lambda made: replace(made, transport=RSA_OAEP_MGF1P, mgf=None)),
    ),
)
