"""The benchmark of the border runs, and measures what is promised of it."""

from tests.benchmarks.border import MEASURES, measured


def test_each_promise_of_the_border_is_measured() -> None:
    targets = measured(rounds=1).targets
    assert [target.name for target in targets] == [*MEASURES]
    assert all(target.measured > 0 for target in targets)
