from tests.assurance_page import main


def test_the_table_of_ladders_is_that_of_the_product() -> None:
    assert main(["--check"]) == 0, "python -m tests.assurance_page"
