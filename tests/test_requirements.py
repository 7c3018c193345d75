"""The tables of requirements say what the tests say."""

import functools

import pytest

from tests.requirements_table import (
    EIDAS,
    OPENID,
    Proof,
    Section,
    Table,
    holes,
    proofs_in,
    read_sections,
    render,
    unknown,
)

SECTIONS = (
    Section("eidas.md §3", "The request", {"ForceAuthn": "The citizen signs in anew.", "Issuer": "It is known."}),
    Section("eidas.md §8", "Cases", {"1": "Exact."}),
)
NAMES = ("eidas.md",)
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
def read(table: Table) -> tuple[tuple[Section, ...], tuple[Proof, ...]]:
    sections = table.sections()
    return sections, table.proofs(sections)


@pytest.mark.parametrize("table", [EIDAS, OPENID], ids=lambda table: table.page.name)
def test_every_mark_names_a_requirement_of_the_list(table: Table) -> None:
    assert unknown(*read(table)) == ()


@pytest.mark.parametrize("table", [EIDAS, OPENID], ids=lambda table: table.page.name)
def test_no_requirement_ends_a_cell_of_its_table(table: Table) -> None:
    sections, _ = read(table)
    assert not any("|" in words + sentence for one in sections for words, sentence in one.requirements.items())


def test_the_list_of_eidas_has_every_section_and_the_fifteen_cases() -> None:
    sections = {section.name: section for section in read(EIDAS)[0]}
    assert set(sections) >= {f"eidas.md §{number}" for number in (3, 4, 5, 6, 7, 8)}
    assert list(sections["eidas.md §8"].requirements) == [str(number) for number in range(1, 16)]


def test_a_requirement_without_a_test_shows_as_a_hole() -> None:
    text = """
[[section]]
name = "RFC 1"
title = "One"
[section.requirements]
"§1" = "First."
"§2" = "Second."
"§3" = "Third."
[section.does_not_apply]
"§3" = "It is another program's."

[[section]]
name = "RFC 2"
title = "Two"
same_as = "RFC 1"
"""
    sections = read_sections(text)
    proofs = list(
        proofs_in("tests/test_x.py", '@pytest.mark.spec("RFC 1 §1; RFC 2 §2")\ndef test_a(): ...\n', ("RFC 1", "RFC 2"))
    )
    assert holes(sections, proofs) == ("RFC 1 §2", "RFC 2 §1", "RFC 2 §3")
    page = render("# Head\n", sections, proofs)
    assert "6 requirements, 3 without a test, 1 not ours." in page
    assert "| §1 | First. | `test_x.py::test_a` |\n| §2 | Second. | **no test** |" in page
    assert "| §3 | Third. | does not apply: It is another program's. |" in page
    needless = Proof("RFC 1 §3", "tests/test_x.py", "test_a")
    assert unknown(sections, [*proofs, needless]) == (needless,), "what does not apply needs no test"


def test_marks_are_found_at_tests_and_in_their_parameters() -> None:
    found = list(proofs_in("tests/test_x.py", SOURCE, NAMES))
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
        (proof,) = proofs_in("x", f'@pytest.mark.spec("{mark}")\ndef test_a(): ...\n', NAMES)
        slipped = proof.mark != "eidas.md §3 ForceAuthn"
        assert unknown(SECTIONS, [proof]) == ((proof,) if slipped else ())
        # white space around a clause is no other clause
        assert slipped == (mark != "eidas.md §3 ForceAuthn ")
