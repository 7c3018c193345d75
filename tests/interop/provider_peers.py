"""The SAML identity providers of `make interop`: what each is, how it is registered, and which faults are its own."""

from collections.abc import Sequence

from tests.interop import client_lemonldap, provider_lemonldap, provider_samlp, provider_satosa
from tests.interop.instance import Command
from tests.interop.peer import HERE, Debian, Fault, Flow, Npm, PyPI
from tests.interop.programs import in_node, in_python
from tests.interop.provider_stage import NAMED, Provider
from tests.interop.provider_tails import (
    ADDRESS,
    ANOTHERS,
    ARTIFACTS,
    CHAIN,
    CHECKS,
    CHECKS_OF_PROXIES,
    ELSEWHERE,
    ENDS,
    ENDS_SOAP,
    FORCED,
    LANDS,
    LANDS_AGAIN,
    LOWER,
    NO_CONTEXT,
    PERSISTENT,
    REQUESTS,
    RESOLVED_BY,
    STRANGER,
    UNKNOWN,
    UNSIGNED,
    USED,
)

# What an operator writes for a provider that wants it so
CBC = 'deviations = ["aes_cbc"]'
POST = 'binding = "post"'
LANDING = 'landings.parking = "CITY/parking/login"'
CARDS = (
    'assurance."urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI" = "high"',
    'assurance."urn:oasis:names:tc:SAML:2.0:ac:classes:Password" = "low"',
)
BEHIND = ("proxies = 1", "tell_requester = true", 'authorities = ["BEHIND/metadata"]')
# The checks that refuse an artifact
FETCHED = {ANOTHERS: "artifact", UNKNOWN: "artifact_status", USED: "answer_fetched"}
ALL = (FORCED, LANDS, LANDS_AGAIN, ENDS)
# What a library leaves to the program around it
LEFT = (ELSEWHERE, ADDRESS)
MINIMUM = 'authn_context = "minimum"'
UNSPECIFIED = 'name_id_format = "unspecified"'
PROGRAMS = HERE / "providers"
LOOPBACK = 'networks = ["127.0.0.0/8"]'
ARTIFACT = ('answers = "artifact"', LOOPBACK)
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


def tried(setting: str, *registered: str, tails: Sequence[str], without: Sequence[str] = ()) -> tuple[Flow, ...]:
    """The flows of one setting: a sign-in, one for each message that somebody has to refuse, and these."""
    named = ("", *REQUESTS, *CHECKS, *tails)
    return tuple(Flow(", ".join(filter(None, (setting, one))), registered) for one in named if one not in without)


TRIPLE_DES = "content_encryption an algorithm that we do not take"


def by_artifact(setting: str, *more: str, without: str = "") -> tuple[Flow, ...]:
    """The flows of a setting whose answers we fetch."""
    named = ("", *(one for one in ARTIFACTS if one != without), *more)
    return tuple(Flow(", ".join(filter(None, (setting, one))), ARTIFACT) for one in named)


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
        says={
            UNSIGNED: "Could not verify signature of incoming SSO request",
            STRANGER: "Lasso error code 102: Invalid signature",
            ELSEWHERE: "Destination",
            ADDRESS: "might be missing from registered metadata",
            ENDS: "/ok.png",
            RESOLVED_BY: "Unable to process artifact request message",
            **FETCHED,
        },
        lands=provider_lemonldap.LANDS,
        ends="/?logout=1",
        command=provider_lemonldap.command,
        attributes=provider_lemonldap.NAMES,
        metadata="/saml/metadata",
        fields=provider_lemonldap.FIELDS,
        flows=(
            *tried("both signed: defaults", LANDING, tails=ALL),
            Flow(f"both signed: our metadata with SOAP alone, {ENDS_SOAP}"),
            Flow(f"both signed: persistent, {PERSISTENT}", (NAMED,)),
            Flow(f"both signed: a class that it lacks, {LOWER}", CARDS),
            *by_artifact("by artifact, both signed: defaults", RESOLVED_BY),
            Flow("both signed: defaults, asked by POST", (POST,)),
            Flow("response signed, encrypted with aes128-cbc: encryption mode Assertion", (CBC,)),
            Flow("response signed, encrypted with aes128-cbc: the same, asked by POST", (CBC, POST)),
        ),
        faults=(
            Fault(
                f"both signed: defaults, {ELSEWHERE}",
                "it answered",
                "It compares Destination unless it has kept the request, and it has kept each one.",
                source="/usr/share/perl5/Lemonldap/NG/Portal/Issuer/SAML.pm",
                line="unless ( $req->data->{_proxiedRequest} ) {",
            ),
        ),
    ),
    Provider(
        name="pysaml2",
        package=PyPI("pysaml2"),
        says={
            UNSIGNED: "Request was not signed correctly",
            STRANGER: "Request was not signed correctly",
            ELSEWHERE: "not in ['http://pysaml2",
            ADDRESS: "Failed to find consumer URL",
            ENDS: "signed out",
            **FETCHED,
        },
        fields={"password": "astrid"},
        documented="the IdP of its examples; AES replaces the cipher in its code, and our envelope its own",
        command=python("pysaml2_idp.py"),
        attributes=OIDS,
        flows=(
            Flow("assertion signed: sign_assertion, no algorithm"),
            Flow("assertion signed: sign_assertion"),
            *tried("response signed: sign_response", LANDING, tails=(*ALL, ENDS_SOAP)),
            Flow(f"response signed: persistent, {PERSISTENT}", (NAMED,)),
            Flow(f"response signed: a class that it lacks, {NO_CONTEXT}", CARDS),
            Flow("response signed: authn_context minimum", (MINIMUM,)),
            Flow("both signed: asked by POST", (POST,)),
            Flow("by artifact, response signed: sign_response", ARTIFACT),
            *by_artifact("by artifact, response signed: sign_response, index 12336", without=UNKNOWN),
            Flow("by artifact, assertion signed: sign_assertion, index 12336", ARTIFACT),
            Flow("response signed, encrypted with tripledes-cbc: encrypt_assertion", (CBC,)),
            Flow("response signed, encrypted with aes128-cbc: another cipher in its code", (CBC,)),
            Flow("response signed, encrypted with aes256-cbc: another cipher in its code", (CBC,)),
            Flow("response signed, encrypted with aes256-gcm: another cipher in its code"),
        ),
        faults=(
            sha1("assertion signed: sign_assertion, no algorithm"),
            Fault(
                f"response signed: sign_response, {ENDS_SOAP}",
                "saml2.sigver.SignatureError: Failed to verify signature",
                "It writes a message out of an envelope anew, with other prefixes, before it verifies.",
                source="saml2/soap.py",
                line='return ElementTree.tostring(saml_part, encoding="UTF-8")',
            ),
            Fault(
                "by artifact, response signed: sign_response",
                "artifact_index an artifact of a resolution service that the metadata does not have",
                "It writes the index of an artifact as two digits of text, so 0 is 12336 to others.",
                source="saml2/entity.py",
                line='(f"{endpoint_index:02x}").encode("ascii")',
            ),
            triple_des("response signed, encrypted with tripledes-cbc: encrypt_assertion"),
        ),
    ),
    Provider(
        name="SATOSA",
        package=PyPI("satosa"),
        documented="its examples; another backend knows one person; AES replaces the cipher in pysaml2",
        says={ELSEWHERE: "Unknown error", ADDRESS: "Unknown entity or unsupported bindings"},
        fields={"password": "astrid"},
        command=provider_satosa.command,
        attributes=OIDS,
        metadata=provider_satosa.METADATA,
        flows=(
            Flow("assertion signed: sign_assertion"),
            *tried("response signed: sign_response", tails=()),
            *tried(
                f"both signed: {provider_satosa.CHAIN}, send_requester_id, mirror_force_authn",
                *BEHIND,
                tails=(FORCED, CHAIN, *CHECKS_OF_PROXIES),
                without=(*REQUESTS, *CHECKS),
            ),
            Flow(f"both signed: {provider_satosa.CHAIN}, a class that it lacks, {LOWER}", CARDS),
            Flow("both signed: asked by POST", (POST,)),
            Flow("response signed, encrypted with tripledes-cbc: encrypt_assertion", (CBC,)),
            Flow("response signed, encrypted with aes128-cbc: another cipher in pysaml2", (CBC,)),
            Flow("response signed, encrypted with aes256-cbc: and the assertion in it, another cipher in pysaml2", (CBC,)),
        ),
        faults=(
            *(
                Fault(
                    f"response signed: sign_response, {one}",
                    "it answered",
                    "It hands a query's signature to nobody, and looks at none.",
                    source="satosa/frontends/saml2.py",
                    line='req_info = idp.parse_authn_request(context.request["SAMLRequest"], binding_in)',
                )
                for one in (UNSIGNED, STRANGER)
            ),
            triple_des("response signed, encrypted with tripledes-cbc: encrypt_assertion"),
        ),
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
        fields={"password": "astrid"},
        says={
            UNSIGNED: "ERR_MISSING_SIG_ALG",
            STRANGER: "ERR_FAILED_MESSAGE_SIGNATURE_VERIFICATION",
            ENDS: "signed out",
        },
        command=node("samlify_idp.mjs"),
        attributes=OIDS,
        flows=(
            Flow("assertion signed: defaults"),
            Flow("assertion signed: defaults, asked by POST", (POST,)),
            *tried("both signed: wantMessageSigned", LANDING, tails=ALL, without=LEFT),
            Flow(f"both signed: a class that it lacks, {LOWER}", CARDS),
            Flow("response signed, encrypted with aes256-cbc: isAssertionEncrypted", (CBC,)),
            Flow("response signed, encrypted with aes128-gcm: dataEncryptionAlgorithm"),
        ),
    ),
    Provider(
        name="samlp",
        package=Npm("samlp"),
        documented="README, Usage; `signResponse` where it encrypts",
        fields={"password": "astrid"},
        says={UNSIGNED: "message MUST be signed", STRANGER: "Signature check errors", ENDS: "/gone"},
        command=provider_samlp.command,
        attributes=provider_samlp.ATTRIBUTES,
        flows=(
            Flow("assertion signed: defaults"),
            Flow("response signed: signResponse, asked by POST", (POST,)),
            *tried("both signed: signResponse and signAssertion", LANDING, tails=ALL, without=LEFT),
            Flow(f"both signed: a class that it lacks, {LOWER}", CARDS),
            Flow("response signed, encrypted with aes256-gcm: encryptionCert"),
            Flow("response signed, encrypted with aes256-cbc: encryptionAlgorithm", (CBC,)),
        ),
    ),
)
