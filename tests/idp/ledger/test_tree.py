"""RFC 6962 §2.1 and RFC 9162 §2.1: known answers, and properties against the definition written down once more."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.ledger.merkle_tree import (
    EMPTY_ROOT,
    CompactRange,
    Position,
    consistency_spans,
    extends,
    includes,
    inclusion_spans,
    leaf_hash,
    proof_hashes,
    tree_root,
)

LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATH_2_7 = [
    "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "837dbb152e9b079010717e84e865da4ebc0fa198a806d59d31bf15accef22d0e",
]
PROOF_3_7 = ["0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7", *PATH_2_7]

sizes = st.integers(min_value=1, max_value=70)


def grown(leaves: list[bytes]) -> tuple[CompactRange, dict[Position, bytes]]:
    tree, hashes = CompactRange(), {}
    for index, leaf in enumerate(leaves):
        hashes[0, index] = leaf_hash(leaf)
        hashes.update(tree.append(hashes[0, index]))
    return tree, hashes


def made_up(size: int) -> list[bytes]:
    return [f"leaf {index}".encode() for index in range(size)]


def mth(leaves: list[bytes]) -> bytes:
    """MTH(D[n]) as RFC 6962 §2.1 words it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


@pytest.mark.spec("consent.md §4")
def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert CompactRange().root() == tree_root(0, {}) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.spec("consent.md §4")
def test_roots_of_the_known_leaves_are_the_known_ones() -> None:
    for size in range(1, 9):
        tree, hashes = grown(LEAVES[:size])
        assert tree.root().hex() == ROOTS[size - 1]
        assert tree_root(size, hashes).hex() == ROOTS[size - 1]


@pytest.mark.spec("consent.md §4")
def test_the_known_inclusion_path_comes_out_and_holds() -> None:
    _, hashes = grown(LEAVES)
    path = proof_hashes(inclusion_spans(2, 7), hashes)
    assert [part.hex() for part in path] == PATH_2_7
    assert includes(2, 7, leaf_hash(LEAVES[2]), path, bytes.fromhex(ROOTS[6]))


@pytest.mark.spec("consent.md §4")
def test_the_known_consistency_proof_comes_out_and_holds() -> None:
    _, hashes = grown(LEAVES)
    proof = proof_hashes(consistency_spans(3, 7), hashes)
    assert [part.hex() for part in proof] == PROOF_3_7
    assert extends(3, bytes.fromhex(ROOTS[2]), 7, bytes.fromhex(ROOTS[6]), proof)


@pytest.mark.spec("RFC 6962 §2.1")
@given(sizes)
def test_the_tree_that_grows_leaf_by_leaf_is_the_tree_of_the_definition(size: int) -> None:
    leaves = made_up(size)
    tree, hashes = grown(leaves)
    assert tree.root() == tree_root(size, hashes) == mth(leaves)


@pytest.mark.spec("RFC 6962 §2.1.1")
@given(sizes, st.data())
def test_every_leaf_is_proved_in_every_tree_that_holds_it(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = made_up(70)
    _, hashes = grown(leaves)
    path = proof_hashes(inclusion_spans(index, size), hashes)
    assert len(path) <= 7
    assert includes(index, size, leaf_hash(leaves[index]), path, mth(leaves[:size]))


@pytest.mark.spec("RFC 9162 §2.1.3.2")
@given(sizes, st.data())
def test_an_inclusion_path_with_anything_changed_proves_nothing(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = made_up(size)
    _, hashes = grown(leaves)
    path, root = proof_hashes(inclusion_spans(index, size), hashes), mth(leaves)
    leaf = leaf_hash(leaves[index])
    assert not includes(index, size, leaf_hash(b"another"), path, root)
    assert not includes(index, size, leaf, path, mth([*leaves, b"more"]))
    assert not includes(index, size, leaf, [*path, root], root)
    assert not includes(size, size, leaf, path, root)
    assert not includes(-1, size, leaf, path, root)
    if path:
        cut = data.draw(st.integers(0, len(path) - 1))
        assert not includes(index, size, leaf, path[:cut] + path[cut + 1 :], root)
        assert not includes(index, size, leaf, [*path[:cut], bytes(32), *path[cut + 1 :]], root)
    if size > 1:
        other = (index + 1) % size
        assert not includes(other, size, leaf, path, root)


@pytest.mark.spec("RFC 6962 §2.1.2")
@given(sizes, st.data())
def test_every_tree_is_proved_to_extend_every_smaller_one(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(0, new))
    leaves = made_up(new)
    _, hashes = grown(leaves)
    proof = proof_hashes(consistency_spans(old, new), hashes)
    assert extends(old, mth(leaves[:old]), new, mth(leaves), proof)


@pytest.mark.spec("RFC 9162 §2.1.4.2")
@given(sizes, st.data())
def test_a_tree_that_changed_an_old_leaf_extends_nothing(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    changed = data.draw(st.integers(0, old - 1))
    leaves = made_up(new)
    forged = [*leaves[:changed], b"forged", *leaves[changed + 1 :]]
    _, hashes = grown(forged)
    proof = proof_hashes(consistency_spans(old, new), hashes)
    assert not extends(old, mth(leaves[:old]), new, mth(forged), proof)


@pytest.mark.spec("RFC 9162 §2.1.4.2")
def test_consistency_refuses_every_odd_shape() -> None:
    leaves = made_up(7)
    roots = [mth(leaves[:size]) for size in range(8)]
    assert not extends(5, roots[5], 4, roots[4], [])
    assert not extends(-1, roots[0], 4, roots[4], [])
    assert not extends(4, roots[4], 4, roots[4], [roots[1]])
    assert not extends(4, roots[4], 4, roots[5], [])
    assert not extends(0, roots[0], 4, roots[4], [roots[1]])
    assert not extends(0, roots[1], 4, roots[4], [])
    assert not extends(3, roots[3], 7, roots[7], [])
    assert not extends(4, roots[4], 7, roots[7], [roots[1]] * 9)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_no_path_leads_to_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no such leaf"):
        inclusion_spans(index, size)
