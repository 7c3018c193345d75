"""Chains to anchors, case by case: what holds, and what does not and by which check."""

import sys
from collections.abc import Sequence
from random import Random
from typing import Any  # a test changes fields by their names

import pytest
from asn1crypto.crl import CertificateList
from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from connectors.attacks.registrations.odd_certificates import ECDSA_NULL, algorithm, changed, pss_only, pss_parameters
from connectors.checks import X509_CHECKS
from connectors.deviations import tolerance
from connectors.profiles import EIDAS, SAML2INT, Profile
from connectors.signatures import x509 as module
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.x509 import MAX_HINTS, Chain, Pki, Use
from connectors.signatures.x509_lists import read_list
from policies.errors import AssertionRejected
from tests.connectors import authority
from tests.connectors.authority import CA_USAGE, DAY, KINDS, NOW, Part, between, der, leaf, revoking, root

CURVES = [name for name in KINDS if name != "secp256k1"]


def judged(
    certificate: bytes,
    hints: Sequence[bytes] = (),
    *,
    anchors: Sequence[bytes] | None = None,
    lists: Sequence[bytes] = (),
    uses: Sequence[Use] = ("signing",),
    now: int = NOW,
    profile: Profile = EIDAS,
) -> int:
    """The end of the chain."""
    files = [(f"metadata/{number}.crl", octets) for number, octets in enumerate(lists)]
    pki = Pki(anchors if anchors is not None else [root().der], files, profile)
    return pki.judge(certificate, uses, hints, now).ends


def refused(certificate: bytes, hints: Sequence[bytes] = (), **how: object) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        judged(certificate, hints, **how)  # type: ignore[arg-type] # a test names parameters of `judged`
    assert refusal.value.check in X509_CHECKS
    return refusal.value.check


# -- what holds ------------------------------------------------------------------------------------------------------------


@pytest.mark.spec("eidas.md §7 brainpool")
@pytest.mark.parametrize("kind", [*CURVES, "3072"])
def test_a_chain_of_every_kind_of_key_holds(kind: str) -> None:
    top, middle = root(kind=kind), between("middle", "root", kind, kind)
    node = leaf("middle", kind, kind)
    assert judged(node.der, [middle.der], anchors=[top.der]) == NOW + 1000 * DAY


def test_a_certificate_directly_below_its_anchor_needs_no_hint_and_an_anchor_may_stand_below_a_root() -> None:
    assert judged(leaf("root").der)
    assert judged(leaf("middle").der, anchors=[between("middle", "root").der])


def test_the_end_is_the_first_of_the_chain_and_of_the_lists() -> None:
    middle = between("middle", "root", end=NOW + 90 * DAY)
    assert judged(leaf("middle").der, [middle.der]) == NOW + 90 * DAY
    assert judged(leaf("middle", end=NOW + 9 * DAY).der, [middle.der]) == NOW + 9 * DAY
    assert judged(leaf("root").der, anchors=[root(end=NOW + 5 * DAY).der]) == NOW + 5 * DAY
    lists = [revoking("root", end=NOW + 3 * DAY), revoking("middle", end=NOW + 4 * DAY)]
    assert judged(leaf("middle").der, [middle.der], lists=lists) == NOW + 3 * DAY
    pki = Pki([root().der], [("a", lists[0]), ("b", lists[1])], EIDAS)
    assert pki.judge(leaf("middle").der, ["signing"], [middle.der], NOW) == Chain(NOW + 3 * DAY, NOW + 90 * DAY)


def test_a_cross_certificate_is_a_way_where_the_other_has_ended() -> None:
    """The authority's own root has ended; another root certified the same key and name."""
    ended, new = root("middle", end=NOW - DAY), root("root")
    cross = between("middle", "root")
    node = leaf("middle").der
    assert refused(node, anchors=[ended.der]) == "x509_dates"
    assert judged(node, [cross.der], anchors=[ended.der, new.der])
    assert judged(node, [cross.der, ended.der], anchors=[new.der])


# -- what does not ---------------------------------------------------------------------------------------------------------


def test_what_no_anchor_issued_is_refused() -> None:
    impostor = root("root", "P-384")
    assert refused(leaf("root", issuer_kind="P-384").der) == "x509_chain"
    # Whatever it brings along
    assert refused(leaf("root", issuer_kind="P-384").der, [impostor.der]) == "x509_chain"
    assert refused(Part("node", "node").der) == "x509_chain"
    assert refused(leaf("middle").der) == "x509_chain"
    assert refused(b"no certificate") == "x509_chain"


def test_an_anchor_is_no_certificate_of_a_node() -> None:
    both = root(usage=(*CA_USAGE, "digital_signature"))
    assert refused(both.der, anchors=[both.der]) == "x509_key_usage"
    assert refused(between("middle", "root", usage=(*CA_USAGE, "digital_signature")).der) == "x509_key_usage"


@pytest.mark.parametrize("place", ["leaf", "middle", "root"])
@pytest.mark.parametrize(("begin", "end"), [(NOW - 9 * DAY, NOW - 1), (NOW + 1, NOW + 9 * DAY)])
def test_every_certificate_of_the_chain_is_within_its_dates_the_anchor_too(place: str, begin: int, end: int) -> None:
    dates: dict[str, Any] = {"begin": begin, "end": end}
    top = root(**dates if place == "root" else {})
    middle = between("middle", "root", **dates if place == "middle" else {})
    node = leaf("middle", **dates if place == "leaf" else {})
    assert refused(node.der, [middle.der], anchors=[top.der]) == "x509_dates"
    # Both seconds count (RFC 5280 §4.1.2.5)
    assert judged(node.der, [middle.der], anchors=[top.der], now=begin)
    assert judged(node.der, [middle.der], anchors=[top.der], now=end) == end


@pytest.mark.parametrize(
    ("kind", "uses", "usage", "holds"),
    [
        ("P-256", ["signing"], ["digital_signature"], True),
        ("P-256", ["signing"], ["key_agreement"], False),
        ("P-256", ["signing"], None, False),
        ("P-256", ["signing"], ["content_commitment"], False),
        ("P-256", ["encryption"], ["key_encipherment"], False),
        ("3072", ["encryption"], ["key_encipherment"], True),
        ("3072", ["signing", "encryption"], ["digital_signature", "key_encipherment"], True),
    ],
)
def test_a_certificate_says_what_it_is_for(kind: str, uses: list[Use], usage: list[str] | None, *, holds: bool) -> None:
    node = leaf("root", kind, usage=usage).der
    if holds:
        assert judged(node, uses=uses)
    else:
        assert refused(node, uses=uses) == "x509_key_usage"


ANY, TLS = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, ExtendedKeyUsageOID.SERVER_AUTH


@pytest.mark.parametrize("place", ["middle"])
@pytest.mark.parametrize(
    ("purposes", "critical", "holds"),
    [
        ([TLS], True, False),
        ([TLS], False, True),
        ([ANY], True, True),
    ],
)
def test_a_certificate_that_is_for_other_purposes_alone_is_refused(
    purposes: list[x509.ObjectIdentifier], place: str, *, critical: bool, holds: bool
) -> None:
    """RFC 5280 §4.2.1.12: no purpose is registered for a node's messages."""
    more = [(x509.ExtendedKeyUsage(purposes), critical)]
    middle = between("middle", "root", more=more if place == "middle" else ())
    node = leaf("middle", more=more if place == "leaf" else ())
    if holds:
        assert judged(node.der, [middle.der])
    else:
        assert refused(node.der, [middle.der]) == "x509_key_usage"


@pytest.mark.parametrize(
    "changes",
    [{"usage": ("crl_sign",)}, {"usage": None}, {"authority": False}, {"authority": None}],
    ids=["no keyCertSign", "no usage", "no CA", "no constraints"],
)
def test_an_issuer_says_that_it_is_one(changes: dict[str, Any]) -> None:
    """CVE-2002-0862 and many after it: a certificate that any server has signs another's."""
    middle = between("middle", "root", **changes)
    assert refused(leaf("middle").der, [middle.der]) in {"x509_key_usage", "x509_chain"}
    with pytest.raises(ValueError, match="anchor that is no certification authority"):
        judged(leaf("root").der, anchors=[root(**changes).der])


def test_no_issuer_has_more_issuers_below_it_than_it_may() -> None:
    upper, lower = between("upper", "root"), between("lower", "upper")
    node, hints = leaf("lower").der, [upper.der, lower.der]
    assert judged(node, hints)
    assert judged(node, hints, anchors=[root(path_length=2).der])
    assert refused(node, hints, anchors=[root(path_length=1).der]) == "x509_path_length"
    none = between("upper", "root", path_length=0)
    assert refused(node, [none.der, lower.der]) == "x509_path_length"
    assert judged(node, [upper.der, between("lower", "upper", path_length=0).der])


@pytest.mark.parametrize(
    ("kind", "profile", "holds"),
    [
        ("2048", EIDAS, False),
        ("2048", SAML2INT, True),
        ("1024", SAML2INT, False),
        ("secp256k1", EIDAS, False),
        ("secp256k1", SAML2INT, False),
        ("brainpoolP256r1", SAML2INT, False),
        ("P-384", SAML2INT, True),
    ],
)
@pytest.mark.parametrize("place", ["middle"])
def test_sizes_and_curves_are_the_profiles_in_the_whole_chain(
    kind: str, profile: Profile, place: str, *, holds: bool
) -> None:
    middle = between("middle", "root", kind if place == "middle" else "P-256")
    node = leaf("middle", kind if place == "leaf" else "P-256", middle.kind)
    if holds:
        assert judged(node.der, [middle.der], profile=profile)
    else:
        assert refused(node.der, [middle.der], profile=profile) == "x509_algorithm"


@pytest.mark.parametrize("place", ["leaf", "middle"])
def test_a_signature_with_another_hash_than_sha_2_is_refused(place: str) -> None:
    """No library signs such a certificate: the name of the algorithm is judged before anything is computed."""
    middle, node = between("middle", "root"), leaf("middle")
    octets = {"middle": middle.der, "leaf": node.der}
    octets[place] = weakened(octets[place])
    assert refused(octets["leaf"], [octets["middle"]]) == "x509_algorithm"


ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


def weakened(certificate: bytes) -> bytes:
    """The same certificate as if ECDSA with SHA-1 had signed it: both names changed, all lengths mended."""
    loaded = Certificate.load(certificate)
    for named in (loaded["signature_algorithm"], loaded["tbs_certificate"]["signature"]):
        named["algorithm"] = "sha1_ecdsa"
    return bytes(loaded.dump(force=True))


def test_constraints_of_names_and_extensions_that_nobody_knows_hold_too() -> None:
    """The library's part, RFC 5280 §4.2.1.10 and §4.2."""
    allowed = x509.NameConstraints([x509.DirectoryName(authority.named("somebody else"))], None)
    middle = between("middle", "root", more=[(allowed, True)])
    assert refused(leaf("middle").der, [middle.der]) == "x509_chain"
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    assert refused(leaf("root", more=[(unknown, True)]).der) == "x509_chain"
    assert judged(leaf("root", more=[(unknown, False)]).der)


def only(*permitted: x509.GeneralName, excluded: Sequence[x509.GeneralName] = ()) -> x509.NameConstraints:
    return x509.NameConstraints(permitted or None, excluded or None)


NODE_NAME, OTHER_NAME = (x509.DirectoryName(authority.named(name)) for name in ("node", "somebody else"))
SITE, AWAY_SITE = x509.DNSName("example"), x509.DNSName("away")


@pytest.mark.parametrize("critical", [True])
@pytest.mark.parametrize(
    ("names", "holds"),
    [
        (only(NODE_NAME), True),
        (only(OTHER_NAME), False),
        (only(OTHER_NAME, NODE_NAME), True),
        (only(excluded=[OTHER_NAME]), True),
        (only(SITE), True),
        (only(AWAY_SITE), False),
        (only(excluded=[AWAY_SITE]), True),
    ],
    ids=range(7),
)
def test_an_anchors_own_constraints_of_names_hold(names: x509.NameConstraints, *, critical: bool, holds: bool) -> None:
    """The constraints bind names of the kinds that they list, and no others (RFC 5280 §4.2.1.10)."""
    alternative = x509.SubjectAlternativeName([x509.DNSName("node.example"), x509.RFC822Name("desk@node.example")])
    node, top = leaf("root", more=[(alternative, False)]).der, root(more=[(names, critical)]).der
    if holds:
        assert judged(node, anchors=[top])
    else:
        assert refused(node, anchors=[top]) == "x509_chain"


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")


@pytest.mark.parametrize(
    ("extension", "critical", "number"),
    [
        (x509.PolicyConstraints(0, None), True, "2.5.29.36"),
        (x509.PolicyConstraints(None, 0), False, "2.5.29.36"),
        (x509.InhibitAnyPolicy(0), False, "2.5.29.54"),
        (UNKNOWN, True, "1.3.6.1.4.1.99999.1"),
    ],
    ids=range(4),
)
def test_an_anchor_that_wants_what_nobody_judges_is_refused_at_the_start(
    extension: x509.ExtensionType, number: str, *, critical: bool
) -> None:
    top = root(more=[(extension, critical)]).der
    for anchors in ([top], [root("other").der, top]):
        with pytest.raises(ValueError, match=rf"not judged here \({number}\)"):
            Pki(anchors, [], EIDAS)


def test_no_key_is_looked_at_that_no_anchor_vouches_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """To look for its faults takes a second of a processor for a long one, and whoever publishes makes up any number."""
    looked: list[object] = []
    uses: Sequence[Use] = ("signing",)
    monkeypatch.setattr(module, "prepared", lambda key, _profile: looked.append(key))
    middle = between("middle", "root")
    stranger = between("middle", "elsewhere")
    node, made_up = leaf("middle"), leaf("middle", issuer_kind="P-384")
    pki = Pki([root().der], [], EIDAS)
    looked.clear()
    for certificate, hints in ((made_up.der, [middle.der]), (node.der, [stranger.der]), (weakened(node.der), [middle.der])):
        with pytest.raises(AssertionRejected):
            pki.judge(certificate, uses, hints, NOW)
    assert looked == []
    pki.judge(node.der, uses, [middle.der], NOW)
    assert len(looked) == 3


def test_a_certificate_that_would_have_to_be_mended_is_in_no_chain_and_no_anchor() -> None:
    """The key and the dates of such a one are read elsewhere (`certificates.py`); nothing of it vouches for anybody."""
    signs = authority.key("root")
    assert isinstance(signs, ec.EllipticCurvePrivateKey)
    good, odd = leaf("root").der, changed(leaf("root").der, signs, algorithm(ECDSA_NULL))
    assert judged(good)
    assert key_of_certificate(odd, EIDAS, tolerance(EIDAS)).key_id == key_of_certificate(good, EIDAS).key_id
    assert refused(odd) == "x509_chain"
    with pytest.raises(ValueError, match="cannot be read"):
        judged(good, anchors=[changed(root().der, signs, algorithm(ECDSA_NULL))])
    # A hint that is none is no reason to refuse, and leads nowhere
    middle = between("middle", "root").der
    assert judged(leaf("middle").der, [middle])
    assert refused(leaf("middle").der, [changed(middle, signs, algorithm(ECDSA_NULL))]) == "x509_chain"


@pytest.mark.spec("RFC 4055 §3.3")
def test_an_authority_for_pss_alone_signs_certificates_and_lists_with_pss_alone() -> None:
    """The same key without that bound signs in both ways."""
    free, anybody = root(kind="3072").der, ec.generate_private_key(ec.SECP256R1())
    bound = changed(free, anybody, pss_only(pss_parameters("sha256", 32)))
    longer = changed(free, anybody, pss_only(pss_parameters("sha256", 33)))
    usual, pss = leaf("root", issuer_kind="3072"), leaf("root", issuer_kind="3072", padding=PSS(MGF1(SHA256()), 32))
    for node, anchor, check in (
        (usual, free, ""),
        (usual, bound, "x509_algorithm"),
        (pss, free, ""),
        (pss, bound, ""),
        (pss, longer, "x509_chain"),
    ):
        assert judged(node.der, anchors=[anchor]) if not check else refused(node.der, anchors=[anchor]) == check
    made, loaded = pss.made(), x509.load_der_x509_certificate
    for padding, holding in ((None, [free]), (pss.padding, [free, bound])):
        found = read_list("list.crl", revoking("root", kind="3072", padding=padding))
        assert [anchor for anchor in (free, bound, longer) if found.covers(made, loaded(anchor))] == holding


def test_an_altered_certificate_is_refused() -> None:
    node = bytearray(leaf("root").der)
    node[-1] ^= 1
    assert refused(bytes(node)) == "x509_chain"


def test_authorities_that_certify_each_other_lead_nowhere_and_soon() -> None:
    names = [f"loop {number}" for number in range(MAX_HINTS)]
    loop = [between(name, names[number - 1]).der for number, name in enumerate(names)]
    assert refused(leaf("loop 0").der, loop) == "x509_chain"


# -- revocation ------------------------------------------------------------------------------------------------------------

TOP, MIDDLE = root().made(), between("middle", "root").made()
NODE = leaf("middle").made()
BOTH = (revoking("root"), revoking("middle"))


def with_lists(*lists: bytes, now: int = NOW) -> str:
    """The check that refuses the node, "" where none does."""
    try:
        judged(der(NODE), [der(MIDDLE)], anchors=[der(TOP)], lists=lists, now=now)
    except AssertionRejected as error:
        return error.check
    return ""


def test_who_is_on_no_list_passes() -> None:
    assert with_lists(*BOTH) == ""
    assert with_lists(revoking("root", TOP), revoking("middle", MIDDLE)) == "", "other certificates' serial numbers"


def test_a_revoked_node_and_a_revoked_issuer_are_refused() -> None:
    assert with_lists(revoking("root"), revoking("middle", NODE)) == "x509_revoked"
    assert with_lists(revoking("root", MIDDLE), revoking("middle")) == "x509_revoked"


def test_any_list_that_names_it_counts_whatever_another_says() -> None:
    fresh, older = revoking("middle", NODE), revoking("middle", begin=NOW - 3 * DAY)
    for lists in ((fresh, older), (older, fresh)):
        assert with_lists(revoking("root"), *lists) == "x509_revoked"


@pytest.mark.parametrize("spelled", ["MIDDLE", "middle ", " Middle"])
def test_a_revoked_node_is_refused_however_the_name_of_its_issuer_is_spelled(spelled: str) -> None:
    """RFC 5280 §7.1: case and blanks are the same name to whoever builds the path."""
    node = leaf(spelled, signed_by="middle").made()
    for issuer in ("middle", spelled):
        lists = [revoking("root"), revoking("middle"), revoking(issuer, node, signed_by="middle")]
        assert refused(der(node), [der(MIDDLE)], lists=lists) == "x509_revoked"
    assert judged(der(node), [der(MIDDLE)], lists=BOTH)


def test_each_certificate_needs_a_list_of_its_own_issuer() -> None:
    assert with_lists(BOTH[0]) == "x509_revocation_missing"
    assert with_lists(BOTH[1]) == "x509_revocation_missing"
    assert with_lists(revoking("root"), revoking("other")) == "x509_revocation_missing"


def test_a_list_by_anybody_else_in_the_issuers_name_says_nothing() -> None:
    assert with_lists(revoking("root"), revoking("middle", signed_by="stranger")) == "x509_revocation_missing"
    assert with_lists(revoking("root"), revoking("middle", kind="3072")) == "x509_revocation_missing"


@pytest.mark.parametrize("number", [0, 1])
def test_a_list_that_ended_or_has_not_begun_refuses_by_its_name(number: int) -> None:
    for begin, end in ((NOW - 9 * DAY, NOW - 1), (NOW + 1, NOW + DAY)):
        lists = list(BOTH)
        lists[number] = revoking(("root", "middle")[number], begin=begin, end=end)
        with pytest.raises(AssertionRejected) as refusal:
            judged(der(NODE), [der(MIDDLE)], anchors=[der(TOP)], lists=lists)
        assert refusal.value.check == "x509_revocation_stale"
        assert f"metadata/{number}.crl" in refusal.value.detail
    assert with_lists(*BOTH, now=NOW + 7 * DAY) == ""


POINT = x509.UniformResourceIdentifier("https://ca.example/1.crl")
AWAY = x509.UniformResourceIdentifier("https://ca.example/2.crl")


def scope(name: x509.UniformResourceIdentifier | None = None, **only: bool) -> tuple[x509.ExtensionType, bool]:
    flags = dict.fromkeys(("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl"), False)
    flags["only_contains_attribute_certs"] = False
    return x509.IssuingDistributionPoint([name] if name else None, None, only_some_reasons=None, **(flags | only)), True


def test_a_list_of_a_part_counts_for_that_part() -> None:
    users, authorities = scope(only_contains_user_certs=True), scope(only_contains_ca_certs=True)
    root_list = revoking("root", more=[authorities])
    assert with_lists(root_list, revoking("middle", more=[users])) == ""
    assert with_lists(root_list, revoking("middle", more=[authorities])) == "x509_revocation_missing"
    assert with_lists(revoking("root", more=[users]), BOTH[1]) == "x509_revocation_missing"


def test_a_list_of_a_distribution_point_counts_for_certificates_that_name_it() -> None:
    point = x509.DistributionPoint([POINT], None, None, None)
    node = leaf("root", more=[(x509.CRLDistributionPoints([point]), False)]).der
    assert judged(node, lists=[revoking("root", more=[scope(POINT)])])
    assert refused(node, lists=[revoking("root", more=[scope(AWAY)])]) == "x509_revocation_missing"
    assert refused(leaf("root").der, lists=[revoking("root", more=[scope(POINT)])]) == "x509_revocation_missing"


# -- what cannot be used ---------------------------------------------------------------------------------------------------


def without_end() -> bytes:
    """A list that does not say when the next one comes."""
    loaded = CertificateList.load(revoking("root"))
    del loaded["tbs_cert_list"]["next_update"]
    return bytes(loaded.dump(force=True))


def of_md5() -> bytes:
    return revoking("root").replace(ECDSA_SHA256, bytes.fromhex("300a06082a8648ce3d040301"))


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "can be read"),
        (b"no list", "can be read"),
        (root().der, "can be read"),
        (without_end(), "nextUpdate"),
        (of_md5(), "SHA-2"),
        (revoking("root", more=[(x509.DeltaCRLIndicator(1), True)]), "delta"),
        (revoking("root", more=[scope(indirect_crl=True)]), "indirect"),
        (revoking("root", more=[scope(only_contains_attribute_certs=True)]), "some reasons"),
        (revoking("root", more=[(x509.AuthorityInformationAccess([]), True)]), "delta"),
        (b"0" * (16 * 1024 * 1024 + 1), "octets"),
    ],
    ids=range(10),
)
def test_a_list_that_says_too_little_is_refused_at_the_start(octets: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refusal:
        Pki([root().der], [("metadata/root.crl", octets)], EIDAS)
    assert "metadata/root.crl" in str(refusal.value)


def test_anchors_are_authorities_of_the_profiles_keys_and_there_is_one() -> None:
    for anchors in ([], [b"no certificate"], [leaf("root").der], [root(kind="2048").der], [root(kind="secp256k1").der]):
        with pytest.raises(ValueError, match=r"."):
            Pki(anchors, [], EIDAS)
    assert Pki([root(kind="2048").der], [], SAML2INT).begins == 0


def test_without_the_extra_an_operator_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "paths", None)
    with pytest.raises(ValueError, match=r"`pki` is not installed: .*requirements\.lock"):
        Pki([root().der], [], EIDAS)


def test_nothing_needs_an_event_loop_or_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate names where its issuer and its list are: nobody goes there."""
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, POINT)
    points = x509.CRLDistributionPoints([x509.DistributionPoint([POINT], None, None, None)])
    more = [(x509.AuthorityInformationAccess([access]), False), (points, False)]
    monkeypatch.setattr("asyncio.run", lambda *_: pytest.fail("an event loop"))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a connection"))
    assert refused(leaf("middle", more=more).der) == "x509_chain"
    assert judged(leaf("root", more=more).der)
    assert "aiohttp" not in sys.modules


def mangled(octets: bytes, seed: int) -> bytes:
    """A few octets of it changed, taken out or doubled."""
    chance, found = Random(seed), bytearray(octets)  # noqa: S311 - the same in every run
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(found))
        match chance.randrange(3):
            case 0:
                found[place] = chance.randrange(256)
            case 1:
                del found[place]
            case _:
                found.insert(place, found[place])
    return bytes(found)


@pytest.mark.spec("security.md §2.1 A")
def test_whatever_a_certificate_or_hint_is_nothing_but_a_refusal_comes_out() -> None:
    middle, node = between("middle", "root"), leaf("middle", more=[(x509.SubjectKeyIdentifier(b"k"), False)])
    pki, held, checks = Pki([root().der], [], EIDAS), 0, set[str]()
    for seed in range(400):
        hint, certificate = middle.der, node.der
        if seed % 2:
            hint = mangled(hint, seed)
        else:
            certificate = mangled(certificate, seed)
        try:
            held += pki.judge(certificate, ["signing"], [hint], NOW).ends > NOW
        except AssertionRejected as error:
            checks.add(error.check)
    assert held < 40, "nearly every change breaks a chain"
    assert checks <= set(X509_CHECKS)
