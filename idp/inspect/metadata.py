"""Signed metadata in a file, judged as `Peers` judges fetched metadata: by a certificate from another source."""

from collections.abc import Mapping
from hashlib import sha256

from connectors.deviations import tolerance
from connectors.formats.eidas.metadata import Expected, PeerFacts, Role
from connectors.formats.eidas.registry import not_ours
from connectors.formats.grammar import written
from connectors.metadata.chains import chains_of, pki_of
from connectors.metadata.judgement import (
    DAY,
    NODE_VALIDITY,
    check_addresses,
    check_end,
    check_keys,
    check_registered,
    facts_of_entity,
    facts_of_node,
    signed_octets,
)
from connectors.metadata.signers import metadata_keys
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.parse import MAX_METADATA, parse_canonical
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.signatures.shapes import METADATA
from connectors.signatures.verification_result import Signed
from connectors.wire.names import md
from idp.application.load import load_all
from idp.inspect.message_files import Question, XmlInspector, read_certificate
from idp.inspect.options import PROFILES, Options, could_not, given
from idp.inspect.result import Accepted
from policies.parties import Peer

_ROLES: Mapping[Role, str] = {"proxy": md("IDPSSODescriptor"), "connector": md("SPSSODescriptor")}


# The words for checks that are not made by hand, without a registration
BY_HAND = ("entity id", "country")


class MetadataInspector(XmlInspector):
    """Inspects metadata by the certificate that signs it, and by the registered node if there is one."""

    limit = MAX_METADATA
    public = "This metadata is not taken."

    def __init__(self, options: Options) -> None:
        self._now, self._peer, self._demo, self._validity = options.now, None, False, NODE_VALIDITY
        self._keys: tuple[PinnedKey, ...]
        if options.config is not None:
            self._profile = EIDAS
            self._peer, self._demo, self._validity = _registered(options)
        else:
            self._profile = PROFILES[options.profile or SAML2INT.name]
        try:
            if self._peer is not None:
                self._keys = metadata_keys(self._peer, EIDAS)
            else:
                pinned = read_certificate(given(options.trust))
                self._keys = (key_of_certificate(pinned, self._profile, tolerance(self._profile)),)
        except ValueError as error:
            raise could_not(f"the certificate cannot be used: {error}.") from None
        self._pki = pki_of(self._peer, EIDAS) if self._peer is not None else None
        by_hand = () if self._peer is not None else BY_HAND if self._profile is EIDAS else BY_HAND[:1]
        self.not_checked = (*by_hand, "newer copy", "approval")

    def inspect(self, octets: bytes, digest: str) -> Accepted:
        """See `Inspector`."""
        signed = signed_octets(octets, check_keys(self._keys, self._now), self._profile)
        said = self._node(signed) if self._profile is EIDAS else self._entity(signed)
        return Accepted(None, {"kind": "metadata", "profile": self._profile.name, "sha256": digest, **said})

    def question(self, octets: bytes) -> Question:
        """See `XmlInspector`."""
        return Question(octets, self._keys, METADATA, self._profile)

    def unsigned(self, octets: bytes) -> bool:  # noqa: ARG002 - unsigned metadata fails before anything else
        """See `Inspector`."""
        return False

    def issued(self, octets: bytes) -> int | None:  # noqa: ARG002 - metadata has an end, and no time of issue
        """See `Inspector`."""
        return None

    def _entity(self, signed: Signed) -> dict[str, object]:
        facts = facts_of_entity(signed, SAML2INT)
        check_addresses(facts.addresses, demo=False)
        check_end(facts.valid_until, self._now, SAML2INT)
        return {
            "entity_id": facts.entity_id,
            "roles": list(facts.roles),
            "valid_until": written(facts.valid_until),
            "signing_keys": facts.signing_keys,
        }

    def _node(self, signed: Signed) -> dict[str, object]:
        root = parse_canonical(signed.octets)
        roles: list[Role] = [role for role, tag in _ROLES.items() if root.find(tag) is not None] or ["proxy"]
        facts = {role: self._facts(signed, role) for role in roles}
        for one in facts.values():
            if self._peer is not None:
                check_registered(one, self._peer.entity_id, self._peer.country)
            check_addresses((url for _, url in one.endpoints), demo=self._demo)
            if self._pki is not None:
                chains_of(self._pki, signed, one, self._now)
            check_end(one.valid_until, self._now, EIDAS, self._validity)
        first = next(iter(facts.values()))
        return {
            "entity_id": first.entity_id,
            "country": first.country,
            "roles": {role: facts_told(one) for role, one in facts.items()},
        }

    def _facts(self, signed: Signed, role: Role) -> PeerFacts:
        """The facts of a role. Without a registration the usual deviations pass, and no country is expected."""
        country, registered = (self._peer.country, self._peer.deviations) if self._peer is not None else ("", frozenset())
        expected = Expected(country, tolerance(EIDAS, registered))
        return facts_of_node(signed, role, expected, chains=self._pki is not None)


def facts_told(facts: PeerFacts) -> dict[str, object]:
    """The facts that a role's metadata says as an object, with each certificate as its SHA-256."""
    return {
        "valid_until": written(facts.valid_until),
        "digest": facts.digest,
        "signing": sorted(sha256(der).hexdigest() for der in facts.signing),
        "encryption": sorted(sha256(der).hexdigest() for der in facts.encryption),
        "endpoints": sorted(f"{binding} {url}" for binding, url in facts.endpoints),
        "assurance": sorted(facts.assurance),
        "versions": sorted(facts.versions),
        "versions_not_ours": not_ours(facts.versions),
        "deviations": list(facts.deviations),
    }


def _registered(options: Options) -> tuple[Peer, bool, int]:
    """The node of this name in a configuration, whether that is a demo's, and how long the metadata may hold."""
    settings, configuration, _ = load_all(given(options.config))
    asked = {str(p.provider_id): p.peer for p in configuration.providers.values() if isinstance(p.peer, Peer)}
    asking = {str(node.node_id): node.peer for node in configuration.nodes.values() if isinstance(node.peer, Peer)}
    named = {**asked, **asking}
    if options.party not in named:
        raise could_not(f"the configuration has no country's node {options.party!r}: {', '.join(named) or 'none at all'}.")
    return named[options.party], settings.demo, settings.metadata_max_days * DAY
