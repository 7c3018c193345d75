"""A register vouches for residence in a whole login: what page and record say, and what becomes of it when it fails."""

import json
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any  # of JSON

import psycopg
import pytest
from sqlalchemy import make_url

from idp.store.switches.switch import REGISTER as REGISTER_KIND
from tests.forgetting import forget_switches, switch_of
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.test_explained_http import newest, of_record
from tests.idp.web.visitor import Answer, Visitor, login_of, query_of
from tests.postgres import server

PURPOSE, REGISTER = "purposes/resident-parking.toml", "registers/population.toml"
FORM = 'form = "resident_of(Storkhaven)"\n'
FROM = f'{FORM}from = "population"\nhand_over = ["person_identifier"]\n'
EITHER = FROM.replace('"population"', '["sign-in", "population"]')
OPTIONAL = ("[attributes.address]\n" + FORM + "required = true", "[attributes.address]\n" + FROM + "required = false")
POPULATION = """
id = "population"
title.en = "Population register of Storkhaven"
level = "high"
deadline = {deadline}
providers = ["demo-ee"]

[controller]
name.en = "Residents' Office"
contact = "residents@storkhaven.example"

[found_by]
person_identifier = "national_id"

[attributes]
street = "address.street"
town = "address.locality"

[view]
database = "{database}"
view = "residents"
"""
# Where the register says that the demo's citizens live. Nothing but the register has these words
ROWS = [("EE-49002280001", "Quaggenweg 17", "Storkhaven"), ("EE-36406010002", "Okapistraat 3", "Storkhaven")]
CANARIES = ("Quaggenweg", "Okapistraat", "EE-49002280001")
TABLE, VIEW = (
    "CREATE TABLE people (national_id TEXT, street TEXT, town TEXT)",
    "CREATE VIEW residents AS SELECT * FROM people",
)


def sqlite(folder: Path) -> str:
    with sqlite3.connect(folder / "city.db") as connection:
        connection.execute(TABLE)
        connection.execute(VIEW)
        connection.executemany("INSERT INTO people VALUES (?, ?, ?)", ROWS)
    connection.close()
    return f"sqlite:///{folder / 'city.db'}"


def postgres(_folder: Path) -> str:
    """A database whose view one role may read, and nothing else."""
    url = make_url(server().fresh())
    reader = f"reader_of_{url.database}"
    with psycopg.connect(server().conninfo(str(url.database)), autocommit=True) as connection:
        connection.execute(TABLE)
        connection.execute(VIEW)
        connection.cursor().executemany("INSERT INTO people VALUES (%s, %s, %s)", ROWS)
        connection.execute(f"CREATE ROLE {reader} LOGIN".encode())
        connection.execute(f"GRANT SELECT ON residents TO {reader}".encode())
    return f"postgresql://{reader}@{url.host}:{url.port}/{url.database}"


@contextmanager
def taking(
    visitor: Visitor, folder: Path, database: str, *edits: str, deadline: int = 5, hears: str = "demo-ee"
) -> Iterator[Visitor]:
    """A broker whose parking permit takes the address from a register, which `hears` of those of one provider."""
    added = {REGISTER: POPULATION.format(database=database, deadline=deadline).replace("demo-ee", hears)}
    with visitor.stage.other_broker(folder / "r", {PURPOSE: edits or (FORM, FROM)}, added) as visitor.port:
        yield visitor


def decision(visitor: Visitor) -> Mapping[str, Any]:
    """The record's word on the decision, as the citizen's receipt has it."""
    receipt: Mapping[str, Any] = json.loads(visitor.go("GET", "/receipt.json").text)
    found: Mapping[str, Any] = receipt["openings"]["decision"]["content"]
    return found


def sources(page: Answer) -> list[str]:
    return [" ".join(str(one.text_content()).split()) for one in page.tree.iterfind(".//*[@class='source']")]


@pytest.mark.spec("issue 33 item 3")
@pytest.mark.parametrize("made", [sqlite, postgres])
def test_a_register_vouches_for_residence_in_a_whole_login(made: Any, visitor: Visitor, tmp_path: Path) -> None:
    with taking(visitor, tmp_path, made(tmp_path)):
        page = visitor.question()
        assert sources(page) == ["From: Population register of Storkhaven It finds you by: Personal identifier"]
        assert page.found("//li[@data-name='address']//*[@class='value']//bdi/text()") == ["Yes"]
        leaving = visitor.decides(page)
        said = decision(visitor)
        assert said["sources"] == [["address", "population"]]
        told = visitor.userinfo(json.loads(visitor.redeem(leaving.back["code"]).text)["access_token"])
        assert json.loads(told.text)["resident_of"] == {"Storkhaven": True}
        # The country says that Juhan lives in Tallinn
        page = visitor.question("juhan")
        assert page.found("//li[@data-name='address']//*[@class='value']//bdi/text()") == ["Yes"]
        # The register knows nobody of this number: nothing of the country's takes its place
        page = visitor.question("liisi")
        assert page.heading == "You cannot continue"
        assert page.found("//main//li[@data-name='address']/@data-reason") == ["not_in_register"]


@pytest.mark.spec("issue 33 item 3")
def test_the_citizens_page_and_copy_say_from_whom_each_attribute_came(visitor: Visitor, tmp_path: Path) -> None:
    with taking(visitor, tmp_path, sqlite(tmp_path)):
        visitor.decides(visitor.question())
        picker = visitor.go("POST", "/me/sign-in", fields={})
        visitor.returns(visitor.signs_in(visitor.asked(login_of(picker))))
        newest_first = visitor.go("GET", "/me").found("(//article)[1]//*[@class='source']//bdi/text()")
        assert set(newest_first) == {"Population register of Storkhaven", "Demo sign-in of Estonia"}
        sent = json.loads(visitor.go("GET", "/me/copy.json").text)["records"][0]["sent"]
        assert {one["source_title"] for one in sent} == {*newest_first}
        assert {one["attribute"] for one in sent if one["source"] == "population"} == {"address"}


@pytest.mark.spec("issue 33 item 3")
def test_nothing_that_a_register_says_or_is_handed_is_left_in_the_log(
    visitor: Visitor, logs: Lines, tmp_path: Path
) -> None:
    with taking(visitor, tmp_path, sqlite(tmp_path)):
        visitor.decides(visitor.question())
        (tmp_path / "city.db").unlink()
        assert visitor.returns(visitor.signs_in(visitor.asked(visitor.login()))).status == 503
    text = json.dumps(logs, default=str)
    assert "population" in text
    assert not [one for one in CANARIES if one in text]


@pytest.mark.spec("issue 33 item 3")
def test_a_register_that_is_away_ends_a_login_that_needs_it_on_a_page_with_its_name(
    visitor: Visitor, tmp_path: Path
) -> None:
    database = sqlite(tmp_path)
    with taking(visitor, tmp_path, database):
        (tmp_path / "city.db").rename(tmp_path / "away.db")
        page = visitor.returns(visitor.signs_in(visitor.asked(visitor.login())))
        assert (page.status, page.heading) == (503, "A register does not answer")
        assert page.found("//main//dl[1]//dd//text()") == [
            "Population register of Storkhaven",
            "Residents' Office",
            ", ",
            "residents@storkhaven.example",
        ]
        (retry,) = page.found("//main//a[@class='button']/@href")
        (tmp_path / "away.db").rename(tmp_path / "city.db")
        # The login lives on: the same service, the country again, and now the register
        again = visitor.go("GET", retry)
        assert visitor.returns(visitor.signs_in(visitor.asked(login_of(again)))).heading.startswith("Share")


@pytest.mark.spec("issue 33 item 3")
def test_an_optional_attribute_is_asked_of_a_register_only_if_it_was_ticked(visitor: Visitor, tmp_path: Path) -> None:
    database = sqlite(tmp_path)
    with taking(visitor, tmp_path, database, *OPTIONAL):
        picker = visitor.authorize()
        assert sources(picker) == ["From: Population register of Storkhaven It finds you by: Personal identifier"]
        page = visitor.question()
        assert page.found("//ul[@class='kept']/li[@data-name='address']/@data-reason") == ["not_asked"]
        login = visitor.login()
        asked = visitor.asks(login, "demo-ee", "address")
        (tmp_path / "city.db").unlink()
        page = visitor.returns(visitor.signs_in(query_of(asked.onward)))
        assert page.found("//ul[@class='kept']/li[@data-name='address']/@data-reason") == ["register_away"]
        visitor.decides(page)
        assert ["address", "register_away"] in decision(visitor)["withheld"]
        told = json.loads(of_record(visitor.stage, newest(visitor.stage), "--json").stdout)
        assert {one["attribute"]: one["reason"] for one in told["attributes"]}["address"] == "register_away"


@pytest.mark.spec("issue 33 item 3")
def test_a_register_that_was_not_asked_does_not_read_as_one_that_has_nothing(visitor: Visitor, tmp_path: Path) -> None:
    with taking(visitor, tmp_path, sqlite(tmp_path), *OPTIONAL, hears="demo-lv"):
        asked = visitor.asks(visitor.login(), "demo-ee", "address")
        page = visitor.returns(visitor.signs_in(query_of(asked.onward)))
        assert page.found("//ul[@class='kept']/li[@data-name='address']/@data-reason") == ["register_not_asked"]
        visitor.decides(page)
        told = json.loads(of_record(visitor.stage, newest(visitor.stage), "--json").stdout)
        assert {one["attribute"]: one["reason"] for one in told["attributes"]}["address"] == "register_not_asked"
        assert told["differences"] == []


@pytest.mark.spec("issue 33 item 3")
def test_two_sources_of_one_attribute_are_the_citizens_to_choose(visitor: Visitor, tmp_path: Path) -> None:
    with taking(visitor, tmp_path, sqlite(tmp_path), FORM, EITHER):
        picker = visitor.authorize()
        login = login_of(picker)
        radios = [
            (one.get("value"), one.get("checked"), one.get("required"))
            for one in picker.tree.iterfind(".//input[@type='radio']")
        ]
        assert radios == [("sign-in", None, ""), ("population", None, "")], "nobody chooses for them"
        unchosen = visitor.go("POST", f"/login/{login}/at/demo-ee", fields={})
        assert unchosen.heading == "Before you sign in"
        forged = visitor.go("POST", f"/login/{login}/at/demo-ee", fields={"from.address": "elsewhere"})
        assert forged.heading == "Before you sign in"
        for source, answer in (("sign-in", "No"), ("population", "Yes")):
            off = visitor.go("POST", f"/login/{visitor.login()}/at/demo-ee", fields={"from.address": source})
            page = visitor.returns(visitor.signs_in(query_of(off.onward), "juhan"))
            assert page.found("//li[@data-name='address']//*[@class='value']//bdi/text()") == [answer]
            assert bool(sources(page)) is (source == "population")


@pytest.mark.spec("issue 33 item 3")
def test_a_tick_without_a_source_is_no_choice_where_there_are_several(visitor: Visitor, tmp_path: Path) -> None:
    edits = OPTIONAL[0], OPTIONAL[1].replace('"population"', '["sign-in", "population"]')
    with taking(visitor, tmp_path, sqlite(tmp_path), *edits):
        off = f"/login/{visitor.login()}/at/demo-ee"
        forged = visitor.go("POST", off, fields={"share.address": "yes"})
        assert forged.heading == "Before you sign in"
        assert visitor.go("GET", off).heading == "Before you sign in", "nor later"
        left = visitor.go("POST", off, fields={"from.address": ""})
        page = visitor.returns(visitor.signs_in(query_of(left.onward)))
        assert page.found("//ul[@class='kept']/li[@data-name='address']/@data-reason") == ["not_asked"]


@contextmanager
def hanging() -> Iterator[int]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held: list[socket.socket] = []
        listening.settimeout(0.2)
        stop = threading.Event()

        def take() -> None:
            while not stop.is_set():
                try:
                    held.append(listening.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            stop.set()
            thread.join()
            for one in held:
                one.close()


@pytest.mark.spec("issue 33 item 3; security.md 3")
def test_a_register_that_hangs_costs_its_deadline_and_then_nothing(visitor: Visitor, tmp_path: Path) -> None:
    with hanging() as port, taking(visitor, tmp_path, f"postgresql://x@127.0.0.1:{port}/city", deadline=1):

        def seconds() -> float:
            fields = visitor.signs_in(visitor.asked(visitor.login()))
            begun = time.monotonic()
            assert visitor.returns(fields).heading == "A register does not answer"
            return time.monotonic() - begun

        assert seconds() >= 1, "the first waits for it"
        # A connection is given up later than a citizen waits: three of them open the breaker, and nobody waits any more
        assert any(seconds() < 1 for _ in range(20))


@pytest.mark.spec("issue 33 item 3; decisions.md 31")
def test_a_register_that_is_switched_off_is_not_asked_and_what_it_said_does_not_go(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    with taking(visitor, tmp_path, sqlite(tmp_path)):
        page, switch = visitor.question(), switch_of(stage.other, stage.clock)
        try:
            switch(REGISTER_KIND, "population")
            off = visitor.returns(visitor.signs_in(visitor.asked(visitor.login())))
            assert off.heading == "A register does not answer"
            switch(REGISTER_KIND, "population", off=False)
            assert visitor.sends(page).heading == "Please start again", "on again, it brings nothing back"
        finally:
            forget_switches(stage.other)
