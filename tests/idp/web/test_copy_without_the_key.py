"""Decision 4: a copy of database and configuration without the key that wraps forges nothing and reads nothing.

The thief here has all of it: every row of every table, the configuration, even the other keys of the folder, and, of a
browser, the very cookies and handles. What they lack is `keys/sealing.key`. They try every 32 bytes that they can find or
compute as that key, or as one of the hour, on every kind of thing that we seal.
"""

import hashlib
import itertools
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.signatures.jws import base64url, from_base64url
from idp.demo.citizens import CITIZENS
from idp.keys.hourly_keys import HOUR
from idp.keys.wrapping import WrappingKey, named, wrapping_key
from idp.login.sealing import HOUR_BYTES, KEY_BYTES, LoginId, Sealer
from idp.login.states import DECIDED, REQUESTED, Decided, Requested
from idp.receipts.citizen import BETWEEN
from idp.store.tables import metadata
from idp.web.login_cookies import STATE, STRICT
from idp.web.routes.receipt import COOKIE
from policies.errors import NotFound, Replayed
from policies.parties import Tenant
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor
from tests.sealing import FixedKeys, fixed_keys

Row = dict[str, object]
HEX = re.compile(rb"\b[0-9a-f]{64}\b")
SEALED = ("requested", "asked", "decided")
PARKED = ("request", "code", "access", "receipt")


@dataclass
class Loot:
    """The thief's loot: rows by table, texts of the configuration, and what one browser held."""

    tenant: Tenant
    rows: dict[str, list[Row]]
    files: dict[str, bytes]
    cookies: dict[str, str]
    decided: str
    handles: dict[str, bytes]
    logins: dict[str, LoginId]
    at: int

    def blobs(self) -> Iterator[bytes]:
        for rows in self.rows.values():
            for row in rows:
                yield from (value for value in row.values() if isinstance(value, bytes))

    def candidates(self) -> set[bytes]:
        """Every 32 bytes that may be a key: as they stand, hashed, or in hex in a file; and the keys of a lazy program."""
        found = {bytes(KEY_BYTES), b"\xff" * KEY_BYTES, self.tenant.encode().ljust(KEY_BYTES, b"\0")}
        for row in self.rows["sealing_keys"]:
            wrapped = row["wrapped"]
            assert isinstance(wrapped, bytes)
            found |= {wrapped[start : start + KEY_BYTES] for start in range(len(wrapped) - KEY_BYTES + 1)}
        for blob in (*self.blobs(), *self.files.values(), *self.handles.values()):
            found.add(hashlib.sha256(blob).digest())
            if len(blob) == KEY_BYTES:
                found.add(blob)
        for name, text in self.files.items():
            found.add(hashlib.sha256(name.encode()).digest())
            found |= {bytes.fromhex(word.decode()) for word in HEX.findall(text)}
        return found


@pytest.fixture(scope="module")
def loot(running: Stage) -> Iterator[Loot]:
    """Taken after logins of every kind of state, while all of it is alive."""
    running.clock.reset()
    with Visitor(running) as visitor:
        yield _taken(running, visitor)


def _taken(stage: Stage, visitor: Visitor) -> Loot:
    at = stage.clock()
    begun = visitor.login()
    asking = visitor.login()
    visitor.asked(asking)
    question = visitor.question()
    secret = from_base64url(visitor.jar[STRICT + question.fields["login"]])
    code = from_base64url(visitor.code())
    access = from_base64url(str(visitor.redeem(visitor.code()).json["access_token"]))
    logins = {"requested": LoginId(begun), "asked": LoginId(asking), "decided": LoginId(question.fields["login"])}
    # A request that was too long for a cookie lies parked
    request = b"r" * KEY_BYTES
    state = stage.application.city.logins.state(visitor.jar, begun, stage.clock())
    assert isinstance(state, Requested)
    parked = stage.application.city.sealer.park("request", request, REQUESTED.dump(state), stage.clock() + 900)
    rows = _rows(stage.receiving / "ciconia.db")
    rows["parked"].append({"digest": parked.digest, "kind": parked.kind, "payload": parked.payload})
    handles = {
        "code": code,
        "access": access,
        "receipt": from_base64url(visitor.jar[COOKIE].split(BETWEEN)[0]),
        "request": request,
    }
    files = {
        str(path.relative_to(stage.receiving)): path.read_bytes()
        for path in stage.receiving.rglob("*")
        if path.is_file() and not path.name.startswith("ciconia.db") and path.name != "sealing.key"
    }
    cookies = {**visitor.jar, "secret": base64url(secret)}
    return Loot(stage.application.settings.tenant, rows, files, cookies, question.fields["decided"], handles, logins, at)


def _rows(database: Path) -> dict[str, list[Row]]:
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in metadata.tables}  # noqa: S608 - names of our own tables


def _opened(loot: Loot, sealer: Sealer) -> set[str]:
    """The kinds that this sealer opens, while all of it was alive."""
    found: set[str] = set()
    for kind, login in loot.logins.items():
        text = loot.decided if kind == "decided" else loot.cookies[STATE + login][1:]
        bound = (from_base64url(loot.cookies["secret"]),) if kind == "decided" else ()
        try:
            sealer.open(kind, login, text, loot.at, *bound)
        except Replayed:
            continue
        found.add(kind)
    for kind, handle in loot.handles.items():
        payload = next(row["payload"] for row in loot.rows["parked"] if row["digest"] == hashlib.sha256(handle).digest())
        assert isinstance(payload, bytes)
        try:
            sealer.unpark(kind, handle, payload, loot.at)
        except NotFound:
            continue
        found.add(kind)
    return found


@pytest.mark.spec("decisions.md 4")
def test_the_control_whoever_has_the_wrapping_key_opens_every_kind(loot: Loot, stage: Stage) -> None:
    assert _opened(loot, stage.application.city.sealer) == {*SEALED, *PARKED}
    (wrapping,) = stage.application.keys.sealing.scheduled
    ours = wrapping_key(bytes.fromhex((stage.receiving / "keys" / "sealing.key").read_text().strip()))
    assert ours == wrapping.key
    kinds = {str(row["kind"]) for row in loot.rows["sealing_keys"] if _unwraps(ours, loot, row)}
    assert kinds >= {*SEALED, *PARKED, "derived"}


def _unwraps(key: WrappingKey, loot: Loot, row: Row) -> bool:
    wrapped, kind, hour = row["wrapped"], row["kind"], row["hour"]
    assert isinstance(wrapped, bytes)
    assert isinstance(kind, str)
    assert isinstance(hour, int)
    try:
        key.unwrap(wrapped, loot.tenant, kind, hour)
    except ValueError:
        return False
    return True


@pytest.mark.spec("decisions.md 4")
def test_without_it_no_row_of_a_sealing_key_opens(loot: Loot) -> None:
    for candidate in loot.candidates():
        key = wrapping_key(candidate)
        for row in loot.rows["sealing_keys"]:
            assert not _unwraps(key, loot, row)
            # They rename their key as ours, too
            wrapped = row["wrapped"]
            assert isinstance(wrapped, bytes)
            assert not _unwraps(WrappingKey(candidate, named(wrapped)), loot, row)


@pytest.mark.spec("decisions.md 4")
def test_without_it_no_cookie_no_form_field_and_no_parked_payload_opens(loot: Loot) -> None:
    for candidate in loot.candidates():
        assert _opened(loot, Sealer(tenant=loot.tenant, keys=fixed_keys(candidate))) == set()


@pytest.mark.spec("decisions.md 4")
def test_no_table_has_a_word_of_a_person(loot: Loot) -> None:
    rows = (repr(row).encode() for row in itertools.chain(*loot.rows.values()))
    text = b"\n".join((*loot.blobs(), *rows))
    words = {value for citizen in CITIZENS for value in citizen.attributes.values() if len(value) > 6}
    assert words
    assert [word for word in words if word.encode() in text or base64url(word.encode()).encode() in text] == []


def _keys(loot: Loot) -> Iterator[FixedKeys]:
    """Some of the candidates, each with the hour that ours have."""
    hour = int.from_bytes(from_base64url(loot.decided)[:HOUR_BYTES])
    for candidate in sorted(loot.candidates())[:6]:
        yield FixedKeys(candidate, hour)


@pytest.mark.spec("decisions.md 4")
@pytest.mark.parametrize("kind", ["requested", "decided", "access", "code"])
def test_what_the_thief_makes_is_refused_by_the_server(visitor: Visitor, loot: Loot, stage: Stage, kind: str) -> None:
    for keys in _keys(loot):
        sealer = Sealer(tenant=loot.tenant, keys=keys)
        now = stage.clock()
        match kind:
            case "requested":
                login = visitor.login()
                state = stage.application.city.logins.state(visitor.jar, login, now)
                assert isinstance(state, Requested)
                visitor.jar[STATE + login] = "r" + sealer.seal(
                    "requested", LoginId(login), now + 900, REQUESTED.dump(state)
                )
                assert visitor.asks(login).status >= 400
            case "decided":
                question = visitor.question()
                forged = _forged(stage, visitor, sealer, question.fields, now)
                assert visitor.decides(question, ticked={"decided": forged}).status == 409
            case "access":
                for at in (now, now - 3600):
                    token = base64url(sealer.derive("access", loot.handles["code"], at=at))
                    assert visitor.userinfo(token).status == 401
            case "code":
                secret = from_base64url(loot.cookies["secret"])
                code = base64url(sealer.derive("code", loot.logins["decided"].encode(), secret, at=now))
                assert visitor.redeem(code).status == 400


def _forged(stage: Stage, visitor: Visitor, sealer: Sealer, fields: dict[str, str], now: int) -> str:
    """The very decision of the page, sealed again by the thief."""
    login = LoginId(fields["login"])
    secret = from_base64url(visitor.jar[STRICT + login])
    payload = stage.application.city.sealer.open("decided", login, fields["decided"], now, secret)
    assert isinstance(DECIDED.load(payload), Decided)
    return sealer.seal("decided", login, now + 300, payload, secret)


def test_a_stolen_hour_is_worth_two_hours(loot: Loot, stage: Stage) -> None:
    """A thief who reads a server's memory opens what is alive, and nothing that comes later or ended before."""
    keys = stage.application.sealing
    stolen = keys.to_open("code", loot.at // HOUR)
    sealer = Sealer(tenant=loot.tenant, keys=fixed_keys(stolen))
    assert _opened(loot, sealer) == {"code"}, "nor any other kind"
    payload = next(row["payload"] for row in loot.rows["parked"] if row["kind"] == "code")
    assert isinstance(payload, bytes)
    stage.clock.ahead = 2 * 3600
    with pytest.raises(NotFound):
        stage.application.city.sealer.unpark("code", loot.handles["code"], payload, stage.clock())
    later = stage.application.city.sealer.park("code", b"l" * KEY_BYTES, b"{}", stage.clock() + 60)
    with pytest.raises(NotFound):
        sealer.unpark("code", b"l" * KEY_BYTES, later.payload, stage.clock())
