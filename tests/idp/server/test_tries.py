"""What a login did counts against it, and what its neighbours did keeps it from nothing."""

import pytest

from idp.config.setting_types import Limits
from idp.login.states import LOGIN_LIFE
from idp.server.rate_limits import Rates, Windows
from idp.server.wrong_answers import ADDRESS_TIMES, ANSWERS, WRONG_ANSWERS, Tries
from policies.errors import Replayed, TooManyRequests

HOME, AWAY = "93.184.216.34", "93.184.216.35"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _tries(clock: Clock, **limits: int) -> Tries:
    rates = Rates(Limits(**limits), windows=Windows(clock=clock), pages=Windows(clock=clock))
    return Tries(rates, Windows(LOGIN_LIFE, clock=clock))


def _wrong(tries: Tries, login: str, client: str = HOME) -> bool:
    tries.answer(login, client)
    return tries.wrong(login, client)


def test_a_login_takes_a_few_wrong_answers_and_then_none_for_as_long_as_it_lives() -> None:
    tries = _tries(clock := Clock())
    assert [_wrong(tries, "guessing") for _ in range(WRONG_ANSWERS)] == [False] * (WRONG_ANSWERS - 1) + [True]
    clock.now += LOGIN_LIFE - 1
    for client in (HOME, AWAY, "127.0.0.1"):
        with pytest.raises(Replayed) as refused:
            tries.answer("guessing", client)
        assert refused.value.check == "answers_left"
    tries.answer("another", HOME)


def test_right_answers_cost_too_and_a_login_has_no_more_than_twenty() -> None:
    tries = _tries(Clock())
    for _ in range(ANSWERS):
        tries.answer("reloading", HOME)
    with pytest.raises(Replayed):
        tries.answer("reloading", HOME)


@pytest.mark.spec("issue: a neighbour behind the same address cannot keep others from finishing")
def test_whatever_the_neighbours_of_an_address_got_wrong_others_finish() -> None:
    tries = _tries(clock := Clock(), failures=3)
    refused = 0
    for number in range(100):
        for _ in range(WRONG_ANSWERS):
            try:
                _wrong(tries, f"login {number}")
            except TooManyRequests:
                refused += 1
                break
    assert refused > 0
    tries.answer("a neighbour", HOME)
    tries.wrong("a neighbour", HOME)  # a citizen may mistype, too
    with pytest.raises(TooManyRequests):
        tries.answer("a neighbour", HOME)
    clock.now += 60
    tries.answer("a neighbour", HOME)


def test_an_address_has_as_many_wrong_answers_as_it_may_and_one_more_for_each_login() -> None:
    tries = _tries(Clock(), failures=3)
    judged = {HOME: 0, AWAY: 0}
    for client, logins in ((HOME, 40), (AWAY, 1)):
        for number in range(logins):
            for _ in range(WRONG_ANSWERS):
                try:
                    tries.answer(f"{client} {number}", client)
                except TooManyRequests:
                    break
                judged[client] += 1
                tries.wrong(f"{client} {number}", client)
    full = ADDRESS_TIMES * 3 // WRONG_ANSWERS
    assert judged == {HOME: ADDRESS_TIMES * 3 + (40 - full), AWAY: WRONG_ANSWERS}


def test_a_login_asks_once_whatever_its_neighbours_ask_and_again_as_its_address_may() -> None:
    tries = _tries(Clock(), begin_address=3)
    for number in range(10):
        tries.ask(f"login {number}", HOME)
    for _ in range(3):
        tries.ask("login 0", HOME)
    with pytest.raises(TooManyRequests):
        tries.ask("login 0", HOME)
    tries.ask("a neighbour", HOME)


def test_no_key_tells_a_login() -> None:
    tries = _tries(Clock())
    _wrong(tries, "AAAAAAAAAAAAAAAAAAAAAA")
    tries.ask("AAAAAAAAAAAAAAAAAAAAAA", HOME)
    assert len(tries._windows) == 3
    assert "AAAA" not in repr([*tries._windows._windows])
