"""The SAML identity providers of `make interop`: what each is, how it is registered, and which faults are its own."""

from tests.interop import client_lemonldap, provider_lemonldap
from tests.interop.peer import Debian, Flow
from tests.interop.provider_stage import Provider

# What an operator writes for a provider that wants it so
CBC = 'deviations = ["aes_cbc"]'
POST = 'binding = "post"'

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
)
