"""What is held of federations: does it count, for how long, and was the last fetch refused."""

from collections.abc import Iterator

from connectors.formats.grammar import written
from connectors.metadata.federation_index import signing_keys
from connectors.metadata.federations import Federations
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, NOTICE, WARNING, DoctorFinding
from idp.protocols.saml.federation_sources import seal_of, tried

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
