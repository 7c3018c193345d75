"""What `ciconia party add --public` does otherwise: no secret, no key, and a program that is a page."""

from collections.abc import Iterator, Sequence

from idp.application.register_party import Registration
from idp.cli.snippets import PUBLIC_ALONE, TITLES, Framework
from policies.errors import Problem
from policies.redirects import is_of_an_app, origin_of


def faults_of_options(asked: Registration, snippet: str, *, with_a_key: bool) -> list[Problem]:
    """What does not fit together of the options about public clients."""

    def fault(option: str, what: str, fix: str) -> list[Problem]:
        return [Problem("party add", 0, option, what, fix)]

    named = next((one for one in Framework if one == snippet), None)
    if not asked.public:
        if asked.origins:
            return fault("--origin", "is for --public.", "leave it out: no page may call for a client with a secret.")
        if named in PUBLIC_ALONE:
            return fault("--snippet", f"{TITLES[named]} keeps no secret.", "give --public, or name another program.")
        return []
    if with_a_key:
        what = "gets neither a secret nor a key: whoever has the app has what is in it."
        return fault("--public", what, "leave out --method, --jwks and --key-out, or leave out --public.")
    if not asked.pkce_required:
        return fault("--pkce", "is required of a public client: nothing else binds a code to it.", "leave it out.")
    if named is not None and named not in programs_for(asked):
        page = named in PUBLIC_ALONE
        what = f"{TITLES[named]} {'has no page at these addresses' if page else 'runs on a server, which keeps a secret'}."
        return fault("--snippet", what, "leave it out." if page else "leave out --public, or name spa or none.")
    return []


def programs_for(asked: Registration) -> Sequence[Framework]:
    """The programs that such a client can be: a public one with a page is one, and an app on a device is none of ours."""
    if not asked.public:
        return [one for one in Framework if one not in PUBLIC_ALONE]
    return [one for one in Framework if one in PUBLIC_ALONE and origin_of(asked.redirect_uris[0])]


def told_of_public(asked: Registration) -> Iterator[str]:
    """What the operator should know of a registration that is public."""
    yield "It is public: it has no secret, and redeems a code by its PKCE verifier alone. Anybody can use its name, so a"
    yield "citizen is always asked, and what it sends to a server of yours proves nothing there."
    origins = asked.origins or tuple(dict.fromkeys(filter(None, map(origin_of, asked.redirect_uris))))
    yield f"Pages that may call for it: {', '.join(origins) or 'none'}."
    if any(map(is_of_an_app, asked.redirect_uris)):
        yield "Another app on the same device can claim its scheme, too: prefer https app links where the system has them."
