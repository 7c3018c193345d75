"""The SAML service providers of `make interop`: what each is, how it is registered, and which faults are its own."""

import sys

from tests.interop import client_lemonldap, provider_lemonldap, service_apache, service_lemonldap
from tests.interop.instance import Command
from tests.interop.peer import HERE, Debian, Fault, Flow, Npm, PyPI
from tests.interop.programs import LOCAL, in_node, in_python
from tests.interop.service_stage import (
    AGAIN,
    AUDIENCE,
    CHECKS,
    DECLINED,
    LOOPBACK,
    NO_SUCH,
    SIGNS_OUT,
    STRIPPED,
    TAKEN,
    Service,
    each,
    fetched,
    hears,
    signs_out,
)
from tests.interop.service_ways import BY_PROGRAM, LINKED, begun_by
from tests.interop.snippet_stage import APACHE

PROGRAMS = HERE / "services"
# What its requests name is for this broker a citizen who is known as surely as this
PASSWORD_AT_LEAST = 'assurance."urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport" = "substantial"'


def python(program: str) -> Command:
    """A program for the peers' own Python."""
    return lambda _: in_python(PROGRAMS / program)


def left_to_its_caller(setting: str) -> tuple[Fault, ...]:
    """The checks that samlify does not make."""
    line = "verifyTime)(extractedProperties.conditions.notBefore, extractedProperties.conditions.notOnOrAfter,"
    why = "Of an answer it judges signatures, issuer and times, and leaves audience and InResponseTo to whoever calls it."
    taken = (f"{setting}, {one}" for one in (AUDIENCE, AGAIN))
    return tuple(Fault(flow, "it took the answer", why, source="build/src/flow.js", line=line) for flow in taken)


def once_more(setting: str) -> Fault:
    """The check that python3-saml does not make."""
    return Fault(
        f"{setting}, {AGAIN}",
        "it took the answer",
        "It compares InResponseTo where its caller knows of a request, and takes any where the caller knows of none.",
        issue="https://github.com/SAML-Toolkits/python3-saml/blob/v1.16.0/src/onelogin/saml2/response.py#L124",
    )


SERVICES: tuple[Service, ...] = (
    Service(
        name="pysaml2 as a service",
        package=PyPI("pysaml2"),
        documented="its page on configuration, with algorithms of today, and the client's four methods of its examples",
        command=python("pysaml2_sp.py"),
        flows=(
            *each("asks by Redirect, encrypted"),
            *each("asks by POST"),
            *fetched("response_binding"),
            signs_out("asks by Redirect"),
            hears("asks by Redirect"),
            begun_by(LINKED, "allow_unsolicited"),
        ),
        says={
            AUDIENCE: "AudienceRestrictions conditions not satisfied",
            STRIPPED: "Signature missing",
            DECLINED: "RequestDenied",
            AGAIN: "Unsolicited response",
            NO_SUCH: "no message",
            TAKEN: "no message",
            SIGNS_OUT: "signed out",
        },
    ),
    Service(
        name="Shibboleth SP",
        package=Debian("libapache2-mod-shib", (APACHE, service_apache.SHIB, service_apache.SHIBD)),
        documented="the files of its package, with an entity, a key and the broker's metadata",
        command=service_apache.shibboleth,
        metadata="/Shibboleth.sso/Metadata",
        claims=service_apache.claims,
        flows=(
            *each("defaults"),
            signs_out("defaults", LOOPBACK),
            hears("defaults"),
            *(begun_by(way, "defaults") for way in (LINKED, BY_PROGRAM)),
            *each("asks by POST-SimpleSign: outgoingBindings", without=(AUDIENCE, *CHECKS)),
            *fetched("acsIndex 3, signing"),
        ),
        ends="/Shibboleth.sso/Logout",
        says={
            NO_SUCH: "did not contain a protocol message",
            AUDIENCE: "unacceptable AudienceRestriction",
            STRIPPED: "Unable to establish security of incoming assertion",
            DECLINED: "RequestDenied",
            AGAIN: "Rejecting replayed message ID",
            TAKEN: "Rejecting replayed artifact",
            SIGNS_OUT: "Logout completed successfully",
        },
    ),
    Service(
        name="mod_auth_mellon",
        package=Debian("libapache2-mod-auth-mellon", (APACHE, service_apache.MELLON)),
        documented="its user guide, with the broker's metadata, and a name for each attribute",
        command=service_apache.mellon,
        metadata="/mellon/metadata",
        claims=service_apache.claims,
        flows=(
            *each("defaults"),
            signs_out("defaults", LOOPBACK),
            hears("defaults"),
            begun_by(LINKED, "defaults"),
        ),
        ends="/mellon/logout?ReturnTo=%2Fmellon%2Fmetadata",
        says={
            AUDIENCE: "Invalid Audience in Conditions",
            STRIPPED: "Signature element not found",
            DECLINED: "RequestDenied",
            AGAIN: "has already been used",
            SIGNS_OUT: "/mellon/metadata",
        },
    ),
    Service(
        name="node-saml",
        package=Npm("@node-saml/node-saml"),
        documented="README, its options; InResponseTo is always validated where no flow says another",
        command=lambda instance: in_node(PROGRAMS / "nodesaml_sp.mjs", instance.folder),
        flows=(
            *each("identifierFormat: null", PASSWORD_AT_LEAST),
            *each("identifierFormat: null, disableRequestedAuthnContext, encrypted"),
            *each("identifierFormat: null, asks by POST, skipRequestCompression", PASSWORD_AT_LEAST),
            signs_out("identifierFormat: null, disableRequestedAuthnContext, validateInResponseTo: ifPresent"),
            begun_by(LINKED, "identifierFormat: null, disableRequestedAuthnContext, validateInResponseTo: ifPresent"),
            hears("identifierFormat: null, disableRequestedAuthnContext"),
            Flow("identifierFormat: null, asks by POST", (PASSWORD_AT_LEAST,)),
        ),
        says={
            AUDIENCE: "assertion audience mismatch",
            STRIPPED: "Invalid document signature",
            DECLINED: "RequestDenied",
            AGAIN: "InResponseTo is not valid",
            SIGNS_OUT: "signed out",
        },
        faults=(
            Fault(
                "identifierFormat: null, asks by POST",
                "encoding a message that is not UTF-8",
                "It deflates a request by POST, which SAML does by Redirect alone, unless `skipRequestCompression` is set.",
                source="lib/saml.js",
                line="if (this.options.skipRequestCompression) {",
            ),
        ),
    ),
    Service(
        name="python3-saml",
        package=PyPI("python3-saml", ours=True),
        documented="README, its settings with `strict`, and its example for Flask; the broker's metadata by its parser",
        command=lambda _: ([sys.executable, str(PROGRAMS / "python3_saml_sp.py")], {"PYTHONPATH": str(LOCAL)}),
        flows=(
            *each("defaults", PASSWORD_AT_LEAST),
            *each("requestedAuthnContext: False, wantAssertionsEncrypted", without=(STRIPPED,)),
            signs_out("requestedAuthnContext: False"),
            hears("requestedAuthnContext: False"),
            begun_by(LINKED, "defaults"),
        ),
        faults=(once_more("defaults"), once_more("requestedAuthnContext: False, wantAssertionsEncrypted")),
        says={
            AUDIENCE: "is not a valid audience for this Response",
            STRIPPED: "is not signed and the SP require it",
            DECLINED: "RequestDenied",
            AGAIN: "InResponseTo",
            SIGNS_OUT: "signed out",
        },
    ),
    Service(
        name="samlify as a service",
        package=Npm("samlify"),
        documented="its guide, Service provider, with signed requests and answers",
        command=lambda instance: in_node(PROGRAMS / "samlify_sp.mjs", instance.folder),
        flows=(
            *each("asks by Redirect, encrypted", without=(STRIPPED,)),
            *each("asks by POST"),
            signs_out("asks by Redirect"),
            hears("asks by Redirect"),
        ),
        says={
            AUDIENCE: "audience",
            STRIPPED: "FAILED_TO_VERIFY_SIGNATURE",
            DECLINED: "RequestDenied",
            AGAIN: "InResponseTo",
            SIGNS_OUT: "signed out",
        },
        faults=(*left_to_its_caller("asks by Redirect, encrypted"), *left_to_its_caller("asks by POST")),
    ),
    Service(
        name="LemonLDAP::NG as a service",
        package=Debian(
            "liblemonldap-ng-portal-perl",
            (client_lemonldap.PORTAL, client_lemonldap.PLACKUP, provider_lemonldap.LASSO),
        ),
        documented="its page SAML authentication; the broker's metadata stands in the configuration",
        command=service_lemonldap.command,
        metadata="/saml/metadata",
        begin="/",
        shows="/session/my/global",
        claims=service_lemonldap.claims,
        flows=(
            *each("name_id_format transient; signatures, times and audience checked"),
            *fetched("HTTPArtifact as its default address"),
            signs_out("name_id_format transient", LOOPBACK),
        ),
        ends="/?logout=1",
        says={
            AUDIENCE: "Audience conditions validations result",
            STRIPPED: "Signature element not found",
            DECLINED: "RequestDenied",
            NO_SUCH: "Could not detect type of Artifact response",
            TAKEN: "Could not detect type of Artifact response",
            AGAIN: "replay authentication",
            SIGNS_OUT: 'trmsg="47"',
        },
    ),
)
