"""docs/services: six worked services, each a folder and a page whose table the decision itself makes.

    python -m tests.docs.service_pages    write the tables, and the record of processing of one

A folder's `person.toml` is a made-up citizen, and a service that asks for too much.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from typer.testing import CliRunner

from idp.cli import app
from policies.attributes import EXACT, AttributeName
from policies.forms import form_title, parse_form
from policies.identifiability import MOST, about_one_in
from policies.load import Configuration, load
from tests.docs.pages import DOCS

SERVICES = DOCS / "services"
NAMES = tuple(sorted(folder.name for folder in SERVICES.iterdir() if folder.is_dir()))
# Whose record of processing the site shows
REGISTERED = "tax-filing"
REGISTER = SERVICES / f"{REGISTERED}-register.html"
BEGIN, END = "<!-- made by tests.docs.service_pages -->\n", "<!-- end -->"
DASH = "\N{EN DASH}"


def configuration(name: str) -> Configuration:
    """The folder of a service, as it loads."""
    folder = SERVICES / name
    files = (path for path in folder.rglob("*") if path.is_file())
    return load({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})


def explained(name: str) -> dict[str, object]:
    """The answer of `ciconia policy explain` about the service's person."""
    found = configuration(name)
    (purpose,), (client,), folder = found.purposes, found.parties, SERVICES / name
    options = ("--purpose", purpose, "--client", client, "--from", str(folder / "person.toml"), "--config", str(folder))
    done = CliRunner().invoke(app, ["policy", "explain", *options, "--json"])
    assert done.exit_code == 0, done.stdout
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def bits(name: str) -> tuple[float, float]:
    """Bits asked and bits released."""
    told = json.loads(json.dumps(explained(name)))["bits"]
    return float(told["asked"]), float(told["released"])


def _rows(name: str) -> Iterator[tuple[str, str, str, str]]:
    """Each attribute: asked, released ("" for nothing), and why."""
    told = json.loads(json.dumps(explained(name)))
    weaker = {one["attribute"]: (one["asked"], one["reason"]) for one in told["weakened"]}
    for one, given in told["released"].items():
        asked, reason = weaker.get(one, (given["form"], "as_asked"))
        yield one, asked, given["form"], reason
    for one in told["withheld"]:
        yield one["attribute"], one["asked"], "", one["reason"]


def table(name: str) -> str:
    """The table of a page, and its bits."""
    return "\n".join(_lines(name))


def _lines(name: str) -> Iterator[str]:
    rows = list(_rows(name))
    titles = configuration(name).catalogue.attributes
    yield "| asked | released | why |"
    yield "|---|---|---|"
    for attribute, asked, released, why in rows:
        said = form_title(parse_form(released) or EXACT) if released else DASH
        yield f"| {titles[AttributeName(attribute)].title['en']}: `{asked}` | {said} | `{why}` |"
    asked_bits, released_bits = bits(name)
    withheld = sum(not released for _, _, released, _ in rows)
    yield ""
    few = f"as much as one in {about_one_in(released_bits):,} people"
    tells = few if released_bits < MOST else "enough to single out one person"
    yield (
        f"Asked: {asked_bits:.1f} bits. Released: {released_bits:.1f} bits, {tells}. "
        f"Withheld altogether: {withheld} of {len(rows)}."
    )


def page(name: str) -> str:
    """The page with the table of today."""
    text = (SERVICES / f"{name}.md").read_text(encoding="utf-8")
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    assert begun
    assert ended
    return f"{before}{BEGIN}\n{table(name)}\n\n{END}{after}"


def register_page() -> str:
    """The record of processing of one of them."""
    done = CliRunner().invoke(app, ["policy", "register", "--config", str(SERVICES / REGISTERED)])
    assert done.exit_code == 0
    return done.stdout


if __name__ == "__main__":
    REGISTER.write_text(register_page(), encoding="utf-8")
    for each in NAMES:
        Path(SERVICES / f"{each}.md").write_text(page(each), encoding="utf-8")
