"""One login across a border, walked over real HTTP by a bounded driver that checks each step as each party would.

It opens the message between the nodes with the receiving node's key and code, reads from the approval page what is weakened
and withheld, takes what is released from the city's service, and computes the proofs: the path of each ledger's leaf to the
checkpoint that its node publishes.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from lxml import html

from idp.config.settings import load_settings
from idp.demo.arrived import arrived
from idp.demo.border import Border
from idp.demo.browser import Browser, Page, WalkError
from idp.demo.city_card import asked_claims
from idp.demo.ledger_proof import ProvingLedger, ledgers_of
from idp.demo.practice_witness import cosigned_by
from idp.demo.walked import OPENID, SAML, DemoVisitor, ServiceVisited, Walked, WalkStep, Weakened, Withheld, given_in
from idp.demo.words import SERVICES
from idp.ledger.checkpoint import VerifierKey
from idp.receipts.receipt_verify import verify_receipt
from policies.assurance import level_named
from policies.attributes import EXACT, AttributeName
from policies.catalogue import STANDARD
from policies.errors import BrokerError
from policies.forms import parse_form
from policies.parties import ProviderId

DECISION = "//form[.//*[@name='decided']]"
SAML_ANSWER = "//form[.//input[@name='SAMLResponse']]"
# The default country
ESTONIA = "EE"
# Where a citizen signs in, as `city.toml` says it, and the provider at the city's node
SIGN_INS = {"estonia": "ee", "bulgaria": "bg", "portugal": "pt", "austria": "at", "card": "city-card", "hewan": "hewan"}


class _Steps:
    """Collects the steps and their times."""

    def __init__(self) -> None:
        self.taken: list[WalkStep] = []
        self._since = time.perf_counter()

    def done(self, node: str, step: str) -> None:
        now = time.perf_counter()
        self.taken.append(WalkStep(node, step, round((now - self._since) * 1000, 1)))
        self._since = now


def visit(border: Border, citizen: str, at: str, service: str) -> ServiceVisited:
    """Signs a citizen in at a service, with nothing but what a browser sees. Raises as `walk`."""
    steps, chosen = _Steps(), SIGN_INS[at]
    with Browser() as browser:
        asking = _expect(browser.get(f"{border.city_base}/{service}/login"), "the first page")
        # A service with one country alone has no picker
        if asking.url.startswith(border.issuer):
            asking = _expect(browser.choose(asking, f"/at/{chosen}"), "the sign-in that the citizen chose")
        if chosen.upper() in border.nodes:
            question = browser.submit(_crossed(browser, asking, citizen, steps), {})
        else:
            question = browser.submit(asking, {"citizen": citizen})
        leaving = _shared(browser, _expect(question, "the question"))
        return DemoVisitor(citizen, at, service).visited(_told(border, browser, leaving, steps))


def visit_all(border: Border, but: str) -> tuple[ServiceVisited, ...]:
    """Each service of the city `but` one, with the first of the people that its card names."""
    firsts = [(name, words.people[0]) for name, words in SERVICES.items() if name != but]
    return tuple(visit(border, one.citizen, one.at, name) for name, one in firsts)


def walk(
    border: Border,
    *,
    country: str = ESTONIA,
    citizen: str = "mari",
    service: str = "parking",
    own_page: bool = True,
) -> Walked:
    """Walks one login through the open stage. Raises `WalkError` at the first thing that is not as it should be.

    With `own_page` the citizen then signs in to their own page.
    """
    folders = {"receiving": border.receiving, "sending": border.sending[country]}
    with Browser() as browser, ledgers_of(folders) as ledgers:
        steps = _Steps()
        asking = _begun(border, browser, f"/at/{country.lower()}", service, steps)
        steps.done("receiving", "asks the node of the citizen's country, with a signed request")
        crossed = _crossed(browser, asking, citizen, steps)
        question = _expect(browser.submit(crossed, {}), "the question")
        steps.done("receiving", "verifies and decrypts, decides what may go, and asks the citizen")
        came = arrived(crossed, border.receiving, ProviderId(country.lower()))
        who = DemoVisitor(citizen, _sign_in(country.lower()), service)
        ended = _ended(border, browser, question, ledgers, steps, (SAML, came), who)
        if not own_page:
            return ended
        again = lambda asking: browser.submit(_crossed(browser, asking, citizen, _Steps()), {})  # noqa: E731 - said once
        ended = _with_own_page(ended, border, browser, f"/at/{country.lower()}", again)
        # That was one login more at the node of the country, and none at the city's
        return replace(ended, ledgers={**ended.ledgers, "sending": ledgers["sending"].proved()})


def walk_card(border: Border, *, citizen: str = "sanne", service: str = "parking") -> Walked:
    """Walks one login with the city's card, which speaks OpenID Connect. Raises as `walk`."""
    with Browser() as browser, ledgers_of({"receiving": border.receiving}) as ledgers:
        steps = _Steps()
        asking = _begun(border, browser, f"/at/{SIGN_INS['card']}", service, steps)
        steps.done("receiving", "asks the city's card, which speaks OpenID Connect")
        question = _expect(browser.submit(asking, {"citizen": citizen}), "the question")
        steps.done("receiving", "redeems the card's code, verifies what it got, decides what may go, and asks the citizen")
        # The card says what it is asked for, by the catalogue's names
        arrived = tuple(sorted(asked_claims(dict(parse_qsl(urlsplit(asking.url).query)).get("claims", ""))))
        who = DemoVisitor(citizen, "card", service)
        ended = _ended(border, browser, question, ledgers, steps, (OPENID, arrived), who)
        return _with_own_page(
            ended, border, browser, "/at/city-card", lambda asking: browser.submit(asking, {"citizen": citizen})
        )


def _begun(border: Border, browser: Browser, chosen: str, service: str, steps: "_Steps") -> Page:
    """The first page of the sign-in that the citizen chose."""
    picker = _expect(browser.get(f"{border.city_base}/{service}/login"), "the country picker")
    steps.done("city", "asks the broker to sign somebody in, for one registered purpose")
    return _expect(browser.choose(picker, chosen), "the sign-in that the citizen chose")


def _crossed(browser: Browser, asking: Page, citizen: str, steps: "_Steps") -> Page:
    """The page by which the node of a country sends its answer to the city's node."""
    if asking.tree.xpath("boolean(//input[@name='SAMLRequest'])"):
        asking = _expect(browser.submit(asking, {}), "the country's sign-in")
    steps.done("sending", "verifies the request, and sends the citizen to the country's own sign-in")
    posting = _expect(browser.submit(asking, {"citizen": citizen}), "the answer of the country's sign-in")
    steps.done("country", "vouches for its citizen, with a signed answer")
    informed = _expect(browser.submit(posting, {}), "the page that informs")
    # Whoever may act for somebody says so first
    places = informed.tree.xpath("//input[@type='radio'][@name='acting']/@value")
    if isinstance(places, list) and places:
        acting = {"acting": str(places[-1]), "page": "acting"}
        informed = _expect(browser.submit(informed, acting, DECISION), "the page that informs")
    steps.done("sending", "verifies that answer, and says which data go to which country")
    # What may be left out has a box, and the city's services need it
    chosen = {**informed.boxes, "choice": "continue"}
    leaving = _expect(browser.submit(informed, chosen, DECISION), "the node's answer")
    steps.done("sending", "records, then sends the minimum data set, encrypted to the receiving node and signed")
    return leaving


def _ended(
    border: Border,
    browser: Browser,
    question: Page,
    ledgers: dict[str, ProvingLedger],
    steps: "_Steps",
    source: tuple[str, tuple[str, ...]],
    who: DemoVisitor,
) -> Walked:
    """The rest of a walk, from the question on. `source` is how it was asked, and what arrived of it."""
    weakened, withheld, forms = _shown(question)
    leaving = _shared(browser, question)
    steps.done("receiving", "records the approval, then releases")
    body = _told(border, browser, leaving, steps)
    given, loa = given_in(body)
    proved = {name: ledger.proved() for name, ledger in ledgers.items()}
    both = ", and the sending node too," if len(ledgers) > 1 else ""
    steps.done("receiving", f"proves{both} that the record stands in its published log")
    rules = load_settings(border.receiving).witness_rules
    witness = cosigned_by(border.issuer, ledgers["receiving"].keys, rules)
    receipt = _receipt(browser, border.issuer, ledgers["receiving"].keys)
    steps.done("receiving", "gives the citizen a receipt, which is checked here with the log's key alone")
    released = {name: (forms.get(name, "pairwise" if name == "sub" else "exact"), value) for name, value in given.items()}
    level = level_named(loa)
    if not released.get("sub") or level is None:
        raise WalkError("the service got no sub, or no level of assurance")
    return Walked(
        steps=tuple(steps.taken),
        service=_said(question, 1),
        purpose=_said(question, 2),
        arrived=source[1],
        released=released,
        weakened=weakened,
        withheld=withheld,
        loa=level.label,
        ledgers=proved,
        receipt=receipt,
        log_key=ledgers["receiving"].key_list,
        upstream=source[0],
        witness=witness,
        services=(who.visited(body),),
    )


def _with_own_page(
    walked: Walked, border: Border, browser: Browser, chosen: str, signs_in: Callable[[Page], Page]
) -> Walked:
    """The citizen signs in anew, for their own page: how many releases it lists, and in one step more."""
    steps = _Steps()
    door = _expect(browser.get(f"{border.issuer}/me"), "the citizen's page")
    picker = _expect(browser.submit(door, {}), "the country picker")
    asking = _expect(browser.choose(picker, chosen), "the sign-in for the page")
    onward = _expect(signs_in(asking), "the way to the citizen's page")
    mine = _expect(browser.get(onward.link("//main//a[@class='button']"), origin=border.issuer), "the citizen's page")
    listed = mine.tree.xpath("//article")
    seen = len(listed) if isinstance(listed, list) else 0
    if not seen:
        raise WalkError("the citizen's page does not list what was released")
    steps.done("receiving", "lists for the citizen, who signed in anew for that, what was released under their key")
    return replace(walked, steps=(*walked.steps, *steps.taken), citizen_page=seen)


def _receipt(browser: Browser, issuer: str, keys: Sequence[VerifierKey]) -> bytes:
    """The citizen's receipt, verified, from the address that the last page links to."""
    receipt = _expect(browser.get(f"{issuer}/receipt.json"), "the receipt").text.encode()
    try:
        verify_receipt(receipt, keys)
    except BrokerError as error:
        raise WalkError(f"the receipt does not hold: {error}") from None
    return receipt


def _expect(page: Page, what: str) -> Page:
    """The page, if its status is 200. Else raises with the words of the error page."""
    if page.status != 200:  # noqa: PLR2004 - RFC 9110 §15.3.1
        said = " ".join((page.tree.findtext(".//h1") or "").split())
        raise WalkError(f"instead of {what} came status {page.status}: {said}")
    return page


def _shown(question: Page) -> tuple[tuple[Weakened, ...], tuple[Withheld, ...], dict[str, str]]:
    """Reads the approval page: weakened, withheld, and the form of each claim that would go."""
    going = [one for one in _marked(question) if one.get("data-form")]
    kept = [one for one in _marked(question) if not one.get("data-form")]
    if not going:
        raise WalkError("the question shows nothing that would go")
    weakened = tuple(
        Weakened(
            str(one.get("data-name")), str(one.get("data-asked")), str(one.get("data-form")), str(one.get("data-reason"))
        )
        for one in going
        if one.get("data-asked") != one.get("data-form")
    )
    forms = {_claim(str(one.get("data-name")), str(one.get("data-form"))): str(one.get("data-form")) for one in going}
    withheld = [Withheld(str(one.get("data-name")), str(one.get("data-reason"))) for one in kept]
    # A box that is not ticked is a choice too: the driver ticks none
    boxes = question.tree.xpath("//input[@type='checkbox']/ancestor::*[@data-name][1]/@data-name")
    withheld += [Withheld(str(name), "not_chosen") for name in boxes] if isinstance(boxes, list) else []
    return weakened, tuple(withheld), forms


def _said(question: Page, row: int) -> str:
    """The text of one row of the list of who asks, what for and on what basis."""
    return str(question.tree.xpath(f"string((//dl/div)[{row}]/dd)")).strip()


def _claim(name: str, form: str) -> str:
    """The claim that carries an attribute in this form."""
    return STANDARD.claim_for(AttributeName(name), parse_form(form) or EXACT)


def _marked(question: Page) -> list[html.HtmlElement]:
    found = question.tree.xpath("//*[@data-reason]")
    return [one for one in found if isinstance(one, html.HtmlElement)] if isinstance(found, list) else []


def _shared(browser: Browser, question: Page) -> Page:
    """The page after the first answer of the question: approve, or continue where it informs."""
    if not (word := str(question.tree.xpath("string(//button[@name='choice'][1]/@value)"))):
        raise WalkError(f"nothing can be shared: {question.tree.findtext('.//h1')}")
    return _expect(browser.submit(question, {"choice": word}, DECISION), "the way back")


def _told(border: Border, browser: Browser, leaving: Page, steps: "_Steps") -> dict[str, object]:
    """The service's last page as JSON, by the way of the protocol that it speaks."""
    if leaving.tree.xpath(SAML_ANSWER):
        body = _signed_in(browser.submit(leaving, {}, SAML_ANSWER, accept="application/json"))
        steps.done("city", "decrypts the assertion and checks what it got")
        return body
    back = leaving.link("//main//a[contains(@href, 'code=')]")
    body = _signed_in(browser.get(back, origin=border.issuer, accept="application/json"))
    steps.done("city", "redeems the code and checks what it got")
    return body


def _sign_in(provider: str) -> str:
    """The name of a sign-in in `city.toml`, by its provider at the city's node."""
    return next(name for name, one in SIGN_INS.items() if one == provider)


def _signed_in(end: Page) -> dict[str, object]:
    body = end.json()
    if end.status != 200 or "refused" in body:  # noqa: PLR2004 - RFC 9110 §15.3.1
        raise WalkError(f"the service did not sign in: {body.get('refused', end.status)}")
    return body
