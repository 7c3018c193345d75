"""One login, walked over real HTTP by a bounded driver that looks at every step as a relying party and a citizen would.

What was weakened and withheld is read from the approval page, what was released from what the city's service got, and the
proof is computed here: the leaf's path against the checkpoint that the broker publishes.
"""

import base64
import time
from dataclasses import dataclass, field

from lxml import etree, html
from sqlalchemy import select

from idp.app import Application
from idp.demo.browser import Browser, Page, WalkError
from idp.demo.citizens import NAMES
from idp.demo.city import PROTOCOL_CLAIMS
from idp.demo.country import SAML
from idp.demo.loopback import client, send
from idp.demo.scene import Scene
from idp.ports import Log
from idp.store import tables
from idp.transparency.checkpoint import TreeHead, open_note
from idp.transparency.tree import includes
from policies.assurance import level_named
from policies.attributes import EXACT, AttributeName
from policies.catalogue import STANDARD
from policies.forms import parse_form

PROOF_SECONDS = 20.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story: who did what, and how long it took."""

    node: str
    step: str
    ms: float


@dataclass(frozen=True, slots=True)
class Weakened:
    """An attribute that went in a weaker form than was asked."""

    attribute: str
    asked: str
    given: str
    reason: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """An attribute that was asked for and did not go."""

    attribute: str
    reason: str


@dataclass(frozen=True, slots=True)
class Walked:
    """What the walk saw. `arrived` are catalogue names that the country sent; `released` maps claims to form and value."""

    steps: tuple[Step, ...]
    service: str
    purpose: str
    arrived: tuple[str, ...]
    released: dict[str, tuple[str, object]] = field(repr=False)
    weakened: tuple[Weakened, ...]
    withheld: tuple[Withheld, ...]
    loa: str
    size: int
    root: str


class _Steps:
    """Collects the steps and their times."""

    def __init__(self) -> None:
        self.taken: list[Step] = []
        self._since = time.perf_counter()

    def done(self, node: str, step: str) -> None:
        now = time.perf_counter()
        self.taken.append(Step(node, step, round((now - self._since) * 1000, 1)))
        self._since = now


def walk(scene: Scene, *, citizen: str = "mari", service: str = "parking") -> Walked:
    """Walk one login through the open scene. Raises `WalkError` at the first thing that is not as it should be."""
    with Browser() as browser:
        return _walk(scene, browser, citizen, service)


def _walk(scene: Scene, browser: Browser, citizen: str, service: str) -> Walked:
    steps = _Steps()
    picker = _expect(browser.get(f"{scene.city_base}/{service}/login"), "the country picker")
    steps.done("city", "asks the broker to sign somebody in, for one registered purpose")
    signing_in = _expect(
        browser.get(picker.link("//a[contains(@href, '/at/demo-ee')]"), origin=scene.issuer), "the country"
    )
    steps.done("receiving", "asks the citizen's country, with a signed request")
    posting = _expect(browser.submit(signing_in, {"citizen": citizen}), "the country's answer")
    steps.done("sending", "vouches for its citizen, with a signed answer")
    arrived = _arrived(posting)
    question = _expect(browser.submit(posting, {}), "the question")
    steps.done("receiving", "verifies the answer, decides what may go, and asks the citizen")
    weakened, withheld, forms = _shown(question)
    before = _leaves(scene.application)
    leaving = _expect(browser.submit(question, {"choice": "approve"}, "//form[.//*[@name='decided']]"), "the way back")
    steps.done("receiving", "records the approval, then releases")
    back = leaving.link("//main//a[contains(@href, 'code=')]")
    end = browser.get(back, origin=scene.issuer, accept="application/json")
    steps.done("city", "redeems the code and checks what it got")
    id_token, userinfo = _signed_in(end)
    size, root = _proved(scene.application, before)
    steps.done("receiving", "proves that the record stands in its published log")
    given = {name: value for name, value in {**id_token, **userinfo}.items() if name not in PROTOCOL_CLAIMS}
    released = {name: (forms.get(name, "pairwise" if name == "sub" else "exact"), value) for name, value in given.items()}
    level = level_named(str(id_token.get("acr", "")))
    if not released.get("sub") or level is None:
        raise WalkError("the service got no sub, or no level of assurance")
    return Walked(
        steps=tuple(steps.taken),
        service=_said(question, 1),
        purpose=_said(question, 2),
        arrived=arrived,
        released=released,
        weakened=weakened,
        withheld=withheld,
        loa=level.label,
        size=size,
        root=root,
    )


def _expect(page: Page, what: str) -> Page:
    """A page of 200. The error page's own words say what went wrong."""
    if page.status != 200:  # noqa: PLR2004 - RFC 9110 §15.3.1
        said = " ".join((page.tree.findtext(".//h1") or "").split())
        raise WalkError(f"instead of {what} came status {page.status}: {said}")
    return page


def _shown(question: Page) -> tuple[tuple[Weakened, ...], tuple[Withheld, ...], dict[str, str]]:
    """What the approval page says: weakened, withheld, and the form of each claim that would go."""
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


def _arrived(posting: Page) -> tuple[str, ...]:
    """The catalogue names of what the country sent, read from its message as it passes through the browser."""
    message = etree.fromstring(base64.b64decode(str(posting.tree.xpath("string(//input[@name='SAMLResponse']/@value)"))))
    names = {wire: key.partition(".")[0] for key, wire in NAMES.items()}
    return tuple(sorted({names[each.get("Name", "")] for each in message.iter(f"{{{SAML}}}Attribute")}))


def _leaves(application: Application) -> frozenset[bytes]:
    """The leaf hashes of all records."""
    with application.store.engine.connect() as connection:
        return frozenset(connection.scalars(select(tables.records.c.leaf_hash)))


def _marked(question: Page) -> list[html.HtmlElement]:
    found = question.tree.xpath("//*[@data-reason]")
    return [one for one in found if isinstance(one, html.HtmlElement)] if isinstance(found, list) else []


def _signed_in(end: Page) -> tuple[dict[str, object], dict[str, object]]:
    body = end.json()
    if end.status != 200 or "refused" in body:  # noqa: PLR2004 - RFC 9110 §15.3.1
        raise WalkError(f"the service did not sign in: {body.get('refused', end.status)}")
    id_token, userinfo = body.get("id_token"), body.get("userinfo")
    if not isinstance(id_token, dict) or not isinstance(userinfo, dict):
        raise WalkError("the service shows no tokens")
    return id_token, userinfo


def _proved(application: Application, before: frozenset[bytes]) -> tuple[int, str]:
    """Wait for the checkpoint over the newest record, and verify note, path and root. Returns size and root of the tree."""
    log: Log = application.store
    tenant, issuer = application.settings.tenant, application.settings.issuer
    verifier = application.keys.ledger.verifier
    new = _leaves(application) - before
    if len(new) != 1:
        raise WalkError(f"one approval left {len(new)} records")
    (hashed,) = new
    with client() as http:
        until = time.monotonic() + PROOF_SECONDS
        while time.monotonic() < until:
            index, newest = log.index_of(tenant, hashed), log.checkpoint(tenant)
            if index is not None and newest is not None and index < newest.size:
                head = TreeHead.read(open_note(send(http, "GET", f"{issuer}/log/checkpoint").content, verifier))
                if not includes(index, head.size, hashed, log.inclusion(tenant, index, head.size), head.root):
                    raise WalkError("the record's path does not lead to the published root")
                return head.size, head.root.hex()
            time.sleep(POLL_SECONDS)
    raise WalkError(f"no checkpoint over the record within {PROOF_SECONDS:.0f} seconds")
