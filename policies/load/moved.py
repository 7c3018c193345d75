"""A country's node that moves: another registration of the same scheme takes its place (`instead_of`)."""

from collections.abc import Iterator, Mapping

from policies.errors import Problem
from policies.load.table import nearest
from policies.parties import IdentityProvider, ProviderId


def problems_of_moves(providers: Mapping[ProviderId, IdentityProvider]) -> Iterator[Problem]:
    """Finds nodes that take the place of one of another scheme, of none, or of one that another takes, too."""
    taken: set[ProviderId] = set()
    for one in providers.values():
        if not one.instead_of:
            continue
        other, fix = providers.get(one.instead_of), "name the registration of the node that it takes the place of."
        if other is None:
            what, fix = f"`{one.instead_of}` is none.", nearest(one.instead_of, providers)
        elif other.protocol != "eidas" or other.instead_of or other is one:
            what = f"`{one.instead_of}` is no country's node that stands by itself."
        elif (other.country, other.namespace) != (one.country, one.namespace):
            what, fix = (
                f"`{one.instead_of}` has another country or namespace.",
                "a person stays the same: write the same ones.",
            )
        elif one.instead_of in taken:
            what, fix = f"another one takes the place of `{one.instead_of}` already.", "remove the older one of the two."
        else:
            what = ""
        taken.add(one.instead_of)
        if what:
            yield Problem(one.source.file, one.source.line, "instead_of", what, fix)
