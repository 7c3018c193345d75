"""The SAML identity providers of `make interop`: what each is, how it is registered, and which faults are its own."""

from tests.interop import client_lemonldap, provider_lemonldap, provider_samlp, provider_satosa
from tests.interop.peer import HERE, Debian, Fault, Flow, Npm, PyPI
from tests.interop.programs import in_node, in_python
from tests.interop.provider_stage import Command, Provider

# What an operator writes for a provider that wants it so
CBC = 'deviations = ["aes_cbc"]'
POST = 'binding = "post"'
UNSPECIFIED = 'name_id_format = "unspecified"'
PROGRAMS = HERE / "providers"
# What pysaml2's own table of attributes calls them
OIDS = {
    "family_name": "urn:oid:2.5.4.4",
    "given_name": "urn:oid:2.5.4.42",
    "birthdate": "urn:oid:1.3.6.1.4.1.25178.1.2.3",
    "person_identifier": "urn:oid:1.3.6.1.4.1.25178.1.2.15",
    "email": "urn:oid:0.9.2342.19200300.100.1.3",
    "address.locality": "urn:oid:2.5.4.7",
    "address.country": "urn:oid:2.5.4.6",
}
TRIPLE_DES = "content_encryption an algorithm that we do not take"


def python(program: str) -> Command:
    """A program for the peers' own Python."""
    return lambda _: in_python(PROGRAMS / program, PROGRAMS, HERE / "clients")


def node(program: str) -> Command:
    """A program for node."""
    return lambda instance: in_node(PROGRAMS / program, instance.folder)


def triple_des(flow: str) -> Fault:
    """pysaml2's, and that of whoever stands on it."""
    return Fault(
        flow,
        TRIPLE_DES,
        "It encrypts with 3DES, which the broker takes from nobody, and its configuration has no other cipher.",
        source="saml2/sigver.py",
        line="msg_enc=TRIPLE_DES_CBC,",
    )


def sha1(flow: str) -> Fault:
    """pysaml2's, where nobody says another algorithm."""
    return Fault(
        flow,
        "signature_algorithm a signature algorithm that we do not take",
        "It signs with RSA-SHA1 where its configuration names no algorithm.",
        source="saml2/xmldsig/__init__.py",
        line="sig_default = SIG_RSA_SHA1",
    )


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        name="LemonLDAP::NG as a provider",
        package=Debian(
            "liblemonldap-ng-portal-perl",
            (client_lemonldap.PORTAL, client_lemonldap.PLACKUP, provider_lemonldap.LASSO),
        ),
        documented="its page SAML identity provider; the broker's metadata stands in the configuration",
        command=provider_lemonldap.command,
        attributes=provider_lemonldap.NAMES,
        metadata="/saml/metadata",
        fields=provider_lemonldap.FIELDS,
        flows=(
            Flow("both signed: defaults"),
            Flow("both signed: defaults, asked by POST", (POST,)),
            Flow("response signed, encrypted with aes128-cbc: encryption mode Assertion", (CBC,)),
            Flow("response signed, encrypted with aes128-cbc: the same, asked by POST", (CBC, POST)),
        ),
    ),
    Provider(
        name="pysaml2",
        package=PyPI("pysaml2"),
        documented="the IdP of its examples; a flow with AES replaces the cipher in its code",
        command=python("pysaml2_idp.py"),
        attributes=OIDS,
        flows=(
            Flow("assertion signed: sign_assertion, no algorithm"),
            Flow("assertion signed: sign_assertion"),
            Flow("response signed: sign_response"),
            Flow("both signed: asked by POST", (POST,)),
            Flow("response signed, encrypted with tripledes-cbc: encrypt_assertion", (CBC,)),
            Flow("response signed, encrypted with aes128-cbc: another cipher in its code", (CBC,)),
            Flow("response signed, encrypted with aes256-cbc: another cipher in its code", (CBC,)),
            Flow("response signed, encrypted with aes256-gcm: another cipher in its code"),
        ),
        faults=(
            sha1("assertion signed: sign_assertion, no algorithm"),
            triple_des("response signed, encrypted with tripledes-cbc: encrypt_assertion"),
        ),
    ),
    Provider(
        name="SATOSA",
        package=PyPI("satosa"),
        documented="its example of a SAML frontend, a backend that knows one person; AES replaces the cipher in pysaml2",
        command=provider_satosa.command,
        attributes=OIDS,
        metadata=provider_satosa.METADATA,
        flows=(
            Flow("assertion signed: sign_assertion"),
            Flow("response signed: sign_response"),
            Flow("both signed: asked by POST", (POST,)),
            Flow("response signed, encrypted with tripledes-cbc: encrypt_assertion", (CBC,)),
            Flow("response signed, encrypted with aes128-cbc: another cipher in pysaml2", (CBC,)),
            Flow("response signed, encrypted with aes256-cbc: and the assertion in it, another cipher in pysaml2", (CBC,)),
        ),
        faults=(triple_des("response signed, encrypted with tripledes-cbc: encrypt_assertion"),),
    ),
    Provider(
        name="djangosaml2idp2",
        package=PyPI("djangosaml2idp2"),
        documented="README, Configuration & Usage; AES replaces the cipher in pysaml2",
        command=python("django_idp.py"),
        attributes=OIDS,
        metadata="/idp/metadata/",
        fields={"username": "astrid", "password": "astrid"},
        flows=(
            Flow("both signed: asked by Redirect", (UNSPECIFIED,)),
            Flow("both signed: no Format in NameIDPolicy", (POST,)),
            Flow("nothing signed: sign_response and sign_assertion in its settings alone", (UNSPECIFIED, POST)),
            Flow("both signed: its service provider's own settings", (UNSPECIFIED, POST)),
            Flow("response signed, encrypted with tripledes-cbc: SAML_ENCRYPT_AUTHN_RESPONSE", (UNSPECIFIED, POST, CBC)),
            Flow("response signed, encrypted with aes128-cbc: another cipher in pysaml2", (UNSPECIFIED, POST, CBC)),
        ),
        faults=(
            Fault(
                "both signed: asked by Redirect",
                "IncorrectlySigned Request was not signed correctly",
                "It hands a query's signature to nobody, and then refuses a request that its settings want signed.",
                source="djangosaml2idp/views.py",
                line="req_info = idp_server.parse_authn_request(request.session['SAMLRequest'], binding)",
            ),
            Fault(
                "both signed: no Format in NameIDPolicy",
                "SP requested a name_id_format that is not supported in the IDP: None",
                "It takes a NameIDPolicy without Format for one that asks for None.",
                source="djangosaml2idp/views.py",
                line="name_id_format = policy.format",
            ),
            Fault(
                "nothing signed: sign_response and sign_assertion in its settings alone",
                "signature_missing",
                "It looks for both settings where pysaml2 does not keep them, and signs nothing.",
                source="djangosaml2idp/models.py",
                line='return getattr(IDP.load().config, "sign_response", False)',
            ),
            triple_des("response signed, encrypted with tripledes-cbc: SAML_ENCRYPT_AUTHN_RESPONSE"),
        ),
    ),
    Provider(
        name="samlify",
        package=Npm("samlify"),
        documented="its guide, Identity provider, with a template of attributes and `encryptThenSign` where it encrypts",
        command=node("samlify_idp.mjs"),
        attributes=OIDS,
        flows=(
            Flow("assertion signed: defaults"),
            Flow("assertion signed: defaults, asked by POST", (POST,)),
            Flow("both signed: wantMessageSigned"),
            Flow("response signed, encrypted with aes256-cbc: isAssertionEncrypted", (CBC,)),
            Flow("response signed, encrypted with aes128-gcm: dataEncryptionAlgorithm"),
        ),
    ),
    Provider(
        name="samlp",
        package=Npm("samlp"),
        documented="README, Usage; `signResponse` where it encrypts",
        command=provider_samlp.command,
        attributes=provider_samlp.ATTRIBUTES,
        flows=(
            Flow("assertion signed: defaults"),
            Flow("response signed: signResponse, asked by POST", (POST,)),
            Flow("both signed: signResponse and signAssertion"),
            Flow("response signed, encrypted with aes256-gcm: encryptionCert"),
            Flow("response signed, encrypted with aes256-cbc: encryptionAlgorithm", (CBC,)),
        ),
    ),
)
