"""The table of requirements says what the tests say."""

import functools

from tests.requirements_table import (
    LIST,
    ROOT,
    Proof,
    Section,
    all_proofs,
    proofs_in,
    read_sections,
    unknown,
)

SECTIONS = (
    Section(3, "The request", {"ForceAuthn": "The citizen signs in anew.", "Issuer": "It is known."}),
    Section(8, "Cases", {"1": "Exact."}),
)
SOURCE = """
import pytest

@pytest.mark.spec("eidas.md §3 ForceAuthn")
@pytest.mark.spec("RFC 6749 §3.1; eidas.md §8 1")
def test_a(): ...

@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.spec("eidas.md §3 Issuer"))])
async def test_b(x): ...

@pytest.mark.spec("saml.md §2.3")
def test_c(): ...

@pytest.mark.spec("eidas.md §3 ForceAuthn")
def helper(): ...

class TestMore:
    @pytest.mark.spec("eidas.md §3 Isuer")
    def test_d(self): ...

raise RuntimeError("this source is read and never run")
"""


@functools.cache
def read() -> tuple[tuple[Section, ...], tuple[Proof, ...]]:
    return read_sections(LIST.read_text(encoding="utf-8")), all_proofs(ROOT / "tests")


def test_every_mark_names_a_requirement_of_the_list() -> None:
    assert unknown(*read()) == ()


def test_the_list_has_every_section_and_the_fifteen_cases() -> None:
    sections, _ = read()
    assert {section.number for section in sections} >= {3, 4, 5, 6, 7, 8}
    (cases,) = (section for section in sections if section.number == 8)
    assert list(cases.requirements) == [str(number) for number in range(1, 16)]
    # a bar would end a cell of the table
    assert not any("|" in words + sentence for one in sections for words, sentence in one.requirements.items())


def test_marks_are_found_at_tests_and_in_their_parameters() -> None:
    found = list(proofs_in("tests/test_x.py", SOURCE))
    assert found == [
        Proof("eidas.md §3 ForceAuthn", "tests/test_x.py", "test_a"),
        Proof("eidas.md §8 1", "tests/test_x.py", "test_a"),
        Proof("eidas.md §3 Issuer", "tests/test_x.py", "test_b"),
        Proof("eidas.md §3 Isuer", "tests/test_x.py", "test_d"),
    ]


def test_a_slip_in_a_mark_is_found() -> None:
    for mark in [
        "eidas.md §3 forceauthn",
        "eidas.md §3 ForceAuthn ",
        "eidas.md §4 ForceAuthn",
        "eidas.md §3",
        "eidas.md 3 ForceAuthn",
        "see eidas.md §3 ForceAuthn",
    ]:
        (proof,) = proofs_in("x", f'@pytest.mark.spec("{mark}")\ndef test_a(): ...\n')
        slipped = proof.mark != "eidas.md §3 ForceAuthn"
        assert unknown(SECTIONS, [proof]) == ((proof,) if slipped else ())
        # white space around a clause is no other clause
        assert slipped == (mark != "eidas.md §3 ForceAuthn ")
