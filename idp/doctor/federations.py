"""The copies of federations and of the list of all nodes: does each count, how long, was the last fetch refused."""

from collections.abc import Iterator

from connectors.addresses import FetchError
from connectors.formats.grammar import written
from connectors.metadata.federation_index import signing_keys
from connectors.metadata.federations import Federations
from connectors.metadata.listed import why_not
from connectors.metadata.service_list import end_of, list_keys
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, NOTICE, WARNING, DoctorFinding
from idp.protocols.eidas.node_list import HeldNodeList, node_list_of
from idp.protocols.eidas.receiving_node import known_peers
from idp.protocols.saml.federation_sources import seal_of, tried
from policies.node_list import NAME

_NOBODY = "Nobody of this federation can be asked, or ask."
_SOON = "When it ends, nobody of this federation can be asked, or ask."
# A federation signs anew each day, and for a week or two
ENDS_SOON = 24 * 3600


def federations(case: Examination) -> Iterator[DoctorFinding]:
    """Checks the signers and the held copy of each federation. Nothing is fetched."""
    known = case.configuration.federations
    for one in known.values():
        try:
            signing_keys(one)
        except ValueError as error:
            fix = "Ask the federation for the certificate whose key signs its metadata, on another way than by that."
            yield ERROR(one.source, "signers", f"a certificate cannot be used: {error}.", _NOBODY, fix)
    if not known or case.ledger is None:
        return
    held = Federations(known, folder=case.settings.copies_folder, seal=seal_of(case.ledger), demo=case.settings.demo)
    for state in held.states(case.now):
        place, last = known[state.federation_id].source, tried(held.folder(state.federation_id))
        if last is not None and last.failures:
            what = f"its last {last.failures} fetches were refused ({last.check}): {last.detail}"
            yield (ERROR if state.why else WARNING)(place, "metadata", what, _NOBODY if state.why else _SOON, last.mend)
        elif state.why:
            fix = f"Start the server, or run `ciconia metadata fetch {state.federation_id}`."
            yield (NOTICE if state.head is None else ERROR)(place, "metadata", state.why, _NOBODY, fix)
        elif state.head is not None and state.head.valid_until - case.now < ENDS_SOON:
            what = f"the copy that is held ends at {written(state.head.valid_until)}."
            yield WARNING(place, "metadata", what, _SOON, f"`ciconia metadata fetch {state.federation_id}` says why.")
        if state.waiting:
            fix = f"See `ciconia metadata diff {state.federation_id}`, and approve it."
            yield NOTICE(place, "metadata", "a copy that says other things waits for an approval.", _SOON, fix)


_RESTS = "No node that rests on the list can be asked, or ask."


def node_list(case: Examination) -> Iterator[DoctorFinding]:
    """Checks the signers and the held copy of the list of all nodes. Nothing is fetched."""
    registered = case.configuration.node_list
    if registered is None:
        return
    try:
        list_keys(registered.signers, case.now)
    except (ValueError, FetchError) as error:
        fix = "Ask whoever publishes the list for the certificate of now, on another way than by the list."
        yield ERROR(registered.source, "signers", f"a certificate cannot be used: {error}.".replace("..", "."), _RESTS, fix)
    if case.ledger is None or not case.knows("role"):
        return
    held = node_list_of(case.settings, case.configuration, case.ledger)
    if held is not None:
        yield from _list(case, held)


def _list(case: Examination, held: HeldNodeList) -> Iterator[DoctorFinding]:
    found, last, place = held.look(), tried(held.folder), held.registered.source
    if last is not None and last.failures:
        what = f"the last {last.failures} fetches of the list were refused ({last.check}): {last.detail}"
        yield WARNING(place, "service_list", what, f"When the held list ends: {_RESTS[0].lower()}{_RESTS[1:]}", last.mend)
    elif found is not None and end_of(found.found) - case.now < ENDS_SOON:
        what = f"the list that is held ends at {written(end_of(found.found))}."
        yield WARNING(place, "service_list", what, _RESTS, f"`ciconia metadata fetch {NAME}` says why no newer one came.")
    for peer in known_peers(case.configuration).values():
        if not peer.listed:
            continue
        if why := why_not(found, peer, held.role, case.now):
            fix = f"See `ciconia metadata show {NAME}` and `pending`; ask the node's operator if it is no longer there."
            yield ERROR(peer.source, "service_list", f"{peer.entity_id} is out of use: {why}", _RESTS, fix)
        elif found is not None and (node := found.node(peer, held.role)) and node.location != peer.metadata_url:
            what = f"the list says that its metadata is at {node.location}."
            yield WARNING(
                peer.source, "metadata_url", what, "It may have moved.", "Ask its operator, and write the new one."
            )
    if waiting := held.pending(case.now):
        what = f"{len(waiting.additions)} certificates that it adds wait for an approval."
        why = "A node that changes to one of them is then not understood."
        yield NOTICE(place, "service_list", what, why, "See `ciconia metadata pending`.")
