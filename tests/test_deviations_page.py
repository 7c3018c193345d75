"""docs/deviations.md has every row of the table, as the code has it."""

from connectors.deviations import DEVIATIONS
from tests.deviations_page import main, render


def test_the_page_is_what_the_table_says() -> None:
    assert main(["--check"]) == 0


def test_each_deviation_says_how_it_is_switched_on() -> None:
    page = render(DEVIATIONS.values())
    for name, one in DEVIATIONS.items():
        part = page.partition(f"### {name}\n")[2].partition("\n### ")[0]
        assert (f'deviations = ["{name}"]' in part) == one.by_registration
        assert all(text in part for text in (one.what, one.senders, one.forbidden_by, one.bound)), name
