"""Programs that sign a citizen in, one file a framework: what `ciconia party add` prints and docs/connect-an-app.md shows.

| file | language, run by our tests |
|---|---|
| `fastapi.txt`, `flask.txt`, `django.txt` | Python with Authlib, run |
| `express.txt` | JavaScript with openid-client, run |
| `spa.txt` | a page with oidc-client-ts, for public clients, run in a real browser |
| `native.txt` | Python with Authlib, a public client on a device, run |
| `machine.txt` | Python with Authlib, a resource server that signs nobody in, run |
| `apache.txt` | Apache with mod_auth_openidc, run in a real browser |
| `spring.txt` | Java with Spring Security, not run: it cannot be had from PyPI, npm or Debian |

A line that begins with `@secret@`, `@basic@`, `@post@` or `@key@` is for services that authenticate in this way: with a
secret, with one in the header, with one in the form, or with a key. `@fapi2@` and `@core@` are for the two profiles,
`@refresh@` is for those with refresh tokens and `@once@` for the others, `@out@` for those that sign out and are told.
The other words between two `@` are those of `Words`.
No secret and no path of a key is ever put in: a program takes them from its environment.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from urllib.parse import urlsplit

from idp.protocols.oidc.client import BASIC, POST
from policies.assurance import LevelOfAssurance
from policies.catalogue import ClaimValue


class Framework(StrEnum):
    """The frameworks of the programs."""

    FASTAPI = "fastapi"
    FLASK = "flask"
    DJANGO = "django"
    EXPRESS = "express"
    APACHE = "apache"
    SPRING = "spring"
    SPA = "spa"
    NATIVE = "native"


TITLES = {
    Framework.FASTAPI: "FastAPI with Authlib",
    Framework.FLASK: "Flask with Authlib",
    Framework.DJANGO: "Django with Authlib",
    Framework.EXPRESS: "Express with openid-client",
    Framework.APACHE: "Apache with mod_auth_openidc",
    Framework.SPRING: "Spring Boot",
    Framework.SPA: "A single-page app with oidc-client-ts",
    Framework.NATIVE: "An app on a device with Authlib",
}
# Nobody has proved these: the page and the command say so
NOT_RUN = frozenset({Framework.SPRING})
# mod_auth_openidc 2.4 signs with an RSA key and names the token endpoint: it needs more than a key that we make
SECRET_ALONE = frozenset({Framework.APACHE})
# Marks of lines
SECRET, IN_HEADER, IN_FORM, KEY, STRICT, PLAIN = "@secret@", "@basic@", "@post@", "@key@", "@fapi2@", "@core@"
REFRESH, ONCE, OUT = "@refresh@", "@once@", "@out@"
_MARKS = (SECRET, IN_HEADER, IN_FORM, KEY, STRICT, PLAIN, REFRESH, ONCE, OUT)
_MARK = re.compile(f"^(?:{'|'.join(_MARKS)})")
# Those that push their requests and bind their tokens, for the profile fapi2
FAPI2_PROGRAMS = frozenset({Framework.EXPRESS, Framework.FASTAPI})
# Apps, which keep no secret and have no key: what `party add --public` prints, and nothing else does
PUBLIC_ALONE = frozenset({Framework.SPA, Framework.NATIVE})
# Those that refresh, and that sign out and are told
STAYING = frozenset({Framework.FASTAPI})
# The program of a resource server, which signs nobody in
MACHINE = "machine"
# The paths of the programs' own, and what they are if the app is called back there: one path is not for both
PATHS = {"login": "sign-in", "again": "once-more", "me": "who", "sign-out": "leave"}


@dataclass(frozen=True, slots=True)
class Words:
    """The identifiers of a registration that a snippet needs."""

    issuer: str
    client_id: str
    purpose: str
    redirect_uri: str
    # what the purpose needs, as an id_token's `acr` has it
    minimum: LevelOfAssurance
    # the claims that the purpose requires, each with a value of the kind that it has
    required: Mapping[str, ClaimValue]
    # with a key instead of a secret
    key: bool = False
    # with the secret in the form instead of the header
    post: bool = False
    # by the profile fapi2
    fapi2: bool = False
    id_token_alg: str = "ES256"
    refreshes: bool = False
    # where the citizen comes back to after a logout, and where the app is told of one
    signed_out: str = ""
    told_at: str = ""
    # of a resource server: the app behind which it is
    app: str = ""

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks of the lines that it has."""
        credential = (KEY,) if self.key else (SECRET, IN_FORM if self.post else IN_HEADER)
        out = (OUT,) if self.signed_out and self.told_at else ()
        return (STRICT if self.fapi2 else PLAIN, REFRESH if self.refreshes else ONCE, *credential, *out)

    @property
    def callback(self) -> str:
        """The path of the redirect address."""
        return urlsplit(self.redirect_uri).path or "/"

    @property
    def levels(self) -> tuple[LevelOfAssurance, ...]:
        """Those that will do."""
        return tuple(level for level in LevelOfAssurance if level >= self.minimum)


def source(name: str) -> str:
    """A snippet as its file has it."""
    return resources.files("idp.cli.snippets").joinpath(f"{name}.txt").read_text(encoding="utf-8")


def lines_of(text: str, marks: Collection[str]) -> str:
    """A snippet's lines without a mark, and those with one of these."""
    others = tuple(mark for mark in _MARKS if mark not in marks)
    kept = (line for line in text.splitlines(keepends=True) if not line.startswith(others))
    return "".join(_MARK.sub("", line) for line in kept)


def render(name: str, words: Words) -> str:
    """A snippet with the identifiers of a registration in it."""
    text = lines_of(source(name), words.marks)
    logout = urlsplit(words.told_at).path or "/"
    # One router looks at neither a slash at the end nor capitals
    taken = {path.strip("/").lower() for path in (words.callback, logout)}
    for path in taken & PATHS.keys():
        text = re.sub(rf"(?<=[\"'/]){path}(?=[\"'])", PATHS[path], text)
    filled = {
        "@ISSUER@": words.issuer,
        "@CLIENT_ID@": words.client_id,
        "@PURPOSE@": words.purpose,
        "@REDIRECT_URI@": words.redirect_uri,
        "@CALLBACK@": words.callback,
        "@SIGNED_OUT@": words.signed_out,
        "@LOGOUT_PATH@": logout,
        "@APP@": words.app,
        "@METHOD@": POST if words.post else BASIC,
        "@ID_TOKEN_ALG@": words.id_token_alg,
        "@LEVELS@": ", ".join(f'"{level.uri}"' for level in words.levels),
        "@LEVEL_NAMES@": "|".join(level.label for level in words.levels),
        "@REQUIRED@": ", ".join(f'"{claim}"' for claim in words.required),
        "@REQUIRE@": "\n    ".join(_require(words.required)) or "# The purpose requires no attribute",
    }
    for word, value in filled.items():
        text = text.replace(word, value)
    return text


def _require(claims: Mapping[str, ClaimValue]) -> Iterator[str]:
    """Apache's line for each claim, which holds where the claim came, whatever it says."""
    for claim, value in claims.items():
        yield f"Require claim {' '.join(_any_of(claim, value))}"


def _any_of(claim: str, value: ClaimValue) -> Iterator[str]:
    """mod_auth_openidc compares values alone: all that the claim may be, of which one will do."""
    match value:
        case dict():
            for member, inner in value.items():
                yield from _any_of(f"{claim}.{member}", inner)
        case bool():
            yield from (f'"{claim}:true"', f'"{claim}:false"')
        case _:
            yield f'"{claim}~."'
