"""docs/reference-generated.md: the tables of the reference that the code can write itself.

    python -m tests.reference_tables    write the page, as `make docs` does

Commands and their options come from the command line, settings from their model and from the comments that `ciconia init`
writes, attributes from the catalogue, levels from the table of assurance, addresses from the routers,
reasons from the pages.
"""

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, cast, get_args, get_origin

import typer
from fastapi.routing import APIRoute
from pydantic_core import PydanticUndefined
from starlette.routing import BaseRoute, Route

from idp.cli import app
from idp.config.setting_types import Organization
from idp.config.settings import Settings
from idp.pages.languages import load_english
from idp.pages.static import STATIC_FILES
from idp.protocols.eidas.proxy_service import ProxyService
from idp.protocols.oidc.provider import OpenIDProvider
from idp.web.city_screens import CityScreens
from idp.web.city_site import CitySite
from idp.web.node_screens import NodeScreens
from idp.web.routes import login, oidc, receipt
from idp.web.routes import public as records
from idp.web.site import Site
from policies.assurance import LEVELS_BY_NAME, LevelOfAssurance
from policies.attributes import Address, AttributeName, Form, Value
from policies.catalogue import STANDARD, AttributeType
from policies.derive import derive
from policies.forms import FORMS, AttributeKind, FormKind, form_title, spelling
from policies.parameters import SORTS
from policies.release import Reason

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference-generated.md"
COMMENTS = ROOT / "idp" / "cli"
HEAD = """\
# Reference, from the code

Made by `python -m tests.reference_tables` from the code itself. What the words mean, and
what else there is, stands in the [reference](reference.md).
"""
DASH = "\N{EN DASH}"
DAY = date(2026, 11, 25)
# A value of each kind, from which the answers of the table of forms are derived
VALUES: Mapping[AttributeKind, Value] = {
    AttributeKind.TEXT: "maria@post.example",
    AttributeKind.NAME: "Maria Anna",
    AttributeKind.DATE: "1990-04-01",
    AttributeKind.ADDRESS: Address("Canal Street 12", "99999", "Storkhaven", "Harju", "EE"),
    AttributeKind.NUMBER: "+372 5555 1234",
    AttributeKind.NATIONALITY: ("EE", "US"),
    AttributeKind.SET: ("student", "student:evening", "alum"),
    AttributeKind.AMOUNT: "31200 EUR/year",
    AttributeKind.MANDATE: ('{"limit":{"amount":"5000","currency":"EUR"},"procedures":["building-permit"]}',),
}
# X.520 and SCHAC 1.5: names of SAML that carry as much as a form
SAML_OF_FORMS = {
    "initials": "urn:oid:2.5.4.43",
    "birth_year": "urn:oid:1.3.6.1.4.1.25178.1.0.2.3",
    "municipality": "urn:oid:2.5.4.7",
    "region": "urn:oid:2.5.4.8",
    "country": "urn:oid:2.5.4.6",
}
CATALOGUE = STANDARD.with_own(
    AttributeType(AttributeName(f"a_{kind}"), kind, {"en": kind}, f"a_{kind}")
    for kind in (AttributeKind.SET, AttributeKind.AMOUNT)
)
OPEN = re.compile(r"^(?:# )?(\[?[a-z_]+\]?)(?: = .*)?$")


def page() -> str:
    """The whole page."""
    parts = [
        HEAD,
        "## Every command\n",
        *_commands(),
        "## Every setting\n",
        *_settings(),
        "## Every address\n",
        *_addresses(),
    ]
    parts += [
        "## Every attribute\n",
        *_attributes(),
        "## Every form\n",
        *_forms(),
        "## Every name of a level\n",
        *_levels(),
    ]
    parts += ["## Every reason\n", *_reasons()]
    return "\n".join(parts)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown, and an empty line."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def code(text: object) -> str:
    """Write a text as code; a dash where there is nothing."""
    return f"`{text}`" if text not in ("", None) else DASH


# -- the command line ----------------------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, object]]:
    """Each command with its full name, in the order of the command line."""
    yield from _below("", typer.main.get_command(app))


def _below(name: str, command: object) -> Iterator[tuple[str, object]]:
    """The command itself, or those of its group."""
    inner: Mapping[str, object] | None = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for one, each in inner.items():
        yield from _below(f"{name} {one}".strip(), each)


def _commands() -> Iterator[str]:
    for name, command in commands():
        about, _, rest = inspect.cleandoc(str(getattr(command, "help", ""))).partition("Example: ")
        example, _, more = rest.partition("\n\n")
        example = " ".join(example.split())
        yield f"### ciconia {name}\n"
        yield f"{about.strip()}\n"
        if example:
            yield f"```console\n$ {example.strip()}\n```\n"
        if more:
            yield f"{more.strip()}\n"
        rows = [_parameter(one) for one in getattr(command, "params", ()) if getattr(one, "name", "") != "help"]
        if rows:
            yield table(("argument or option", "what", "default"), rows)


def _parameter(one: object) -> tuple[str, str, str]:
    argument = getattr(one, "param_type_name", "") == "argument"
    metavar = str(getattr(one, "metavar", "") or "")
    names = metavar if argument else ", ".join(getattr(one, "opts", ()))
    choices = _choices(getattr(getattr(one, "type_descriptor", None), "annotation", None))
    takes = "" if argument or getattr(one, "is_flag", False) else " " + (choices or metavar or "TEXT")
    repeated = " ..." if getattr(one, "multiple", False) else ""
    default = getattr(one, "default", None)
    shown = getattr(one, "show_default", None)
    said = shown if isinstance(shown, str) else default
    required = "required" if getattr(one, "required", False) else DASH
    plain = said is None or said == "" or callable(said) or isinstance(said, bool | list | tuple) or "UNSET" in str(said)
    return code(f"{names}{takes}{repeated}"), str(getattr(one, "help", "") or ""), required if plain else code(said)


def _choices(annotation: object) -> str:
    """The words that an option takes, where it takes only some."""
    for kind in (annotation, *get_args(annotation)):
        if get_origin(kind) is Literal:
            return "/".join(get_args(kind))
        if isinstance(kind, type) and issubclass(kind, Enum):
            return "/".join(str(choice.value) for choice in kind)
    return ""


# -- settings ------------------------------------------------------------------------------------------------------------


def _settings() -> Iterator[str]:
    said = _comments()
    rows = []
    for name, field in Settings.model_fields.items():
        if name in {"folder", "organization"}:
            continue
        default = "required" if field.default is PydanticUndefined else code(_toml(field.default))
        rows.append((code(name), said.get(name, DASH), default))
    yield table(("setting", "as `ciconia init` explains it", "default"), rows)
    organization = [
        (code(name), "required" if field.is_required() else code(_toml(field.default)))
        for name, field in Organization.model_fields.items()
    ]
    yield f"`[organization]`: {said.get('[organization]', '')}\n"
    yield table(("key of `[organization]`", "default"), organization)


def _toml(value: object) -> str:
    """A default as a file would write it."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return "[" + ", ".join(_toml(one) for one in value) + "]"
        case str():
            return f'"{value}"'
        case _:
            return str(value)


def _comments() -> dict[str, str]:
    """The comment above each setting of what `init` writes; for a setting that it does not write, of the model's source."""
    found: dict[str, str] = {}
    for name in ("init.toml", "init_city.toml", "init_node.toml"):
        for key, comment in _above((COMMENTS / name).read_text(encoding="utf-8").splitlines(), OPEN):
            found.setdefault(key, comment)
    source = inspect.getsource(Settings).splitlines()
    for key, comment in _above([line.strip() for line in source], re.compile(r"^([a-z_]+): .*$")):
        found.setdefault(key, comment[0].upper() + comment[1:] + ("" if comment.endswith(".") else "."))
    return found


def _above(lines: Sequence[str], opens: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    comment: list[str] = []
    for line in lines:
        match = opens.match(line)
        if match and comment:
            yield match[1], " ".join(comment).replace("Take away the `# `.", "").strip()
            comment = []
        elif line.startswith("# ") and not match:
            comment.append(line.removeprefix("# "))
        else:
            comment = []


# -- addresses -----------------------------------------------------------------------------------------------------------


def addresses() -> dict[str, tuple[str, set[str]]]:
    """Each address, its methods, and the roles that serve it."""
    found: dict[str, tuple[str, set[str]]] = {}
    city = _site(CityScreens, OpenIDProvider, "saml", "eidas")
    node = _site(NodeScreens, ProxyService, "saml")
    served: dict[str, tuple[BaseRoute, ...]] = {
        "city": (
            *login.routes(city),
            *oidc.router(cast(CitySite, city)).routes,
            *receipt.routes(cast(CitySite, city)),
            *records.router(city, lambda: True).routes,
        ),
        "node": (*login.routes(node), *records.router(node, lambda: True).routes),
    }
    for role, of_role in served.items():
        for route in of_role:
            if isinstance(route, Route | APIRoute):
                methods = sorted(route.methods or (), key=("GET", "HEAD", "POST").index)
                found.setdefault(route.path, (", ".join(methods), set()))[1].add(role)
    for static in STATIC_FILES:
        found[static.path] = ("GET, HEAD", set(served))
    return found


def _site(screens: type, frontend: type, *protocols: str) -> Site:
    """The parts of a site that its routers look at."""
    parts = {"screens": screens, "frontends": {"one": frontend}, "protocols": protocols, "metadata": {}}
    made = SimpleNamespace(**parts, issuer="", pages=SimpleNamespace(files=STATIC_FILES))
    return cast(Site, made)


def _addresses() -> Iterator[str]:
    rows = [(code(address), methods, ", ".join(sorted(roles))) for address, (methods, roles) in sorted(addresses().items())]
    yield table(("address", "methods", "role"), rows)
    yield "`/saml/metadata` and `/eidas/metadata` (GET, HEAD) are served beside these, where there is such metadata.\n"


# -- attributes, forms, levels -------------------------------------------------------------------------------------------


def _attributes() -> Iterator[str]:
    rows = []
    for name, one in STANDARD.attributes.items():
        forms = ", ".join(code(form) for form in STANDARD.spellings(name))
        saml = ", ".join(code(oid) + (f" ({part})" if part else "") for oid, part in one.saml.items()) or DASH
        rows.append((code(name), one.title["en"], forms, code(one.claim), code(one.scope), code(_last(one.eidas)), saml))
    yield table(("attribute", "title", "forms", "claim", "scope", "eIDAS", "SAML"), rows)


def _last(uri: str) -> str:
    return uri.rpartition("/")[2]


def _forms() -> Iterator[str]:
    yield (
        "To services a form is a claim of OpenID Connect; CLAIM in its name is the attribute's own. A claim with a\n"
        "parameter is asked for by its `value` (Core 1.0 §5.5.1); an age stands in the name. A city's node answers other\n"
        "countries in full. SAML and eIDAS name few forms that say less; map such a name to the attribute, as `birthdate`\n"
        "or `address.country`. eIDAS has CountryOfResidence alone, which is not read.\n"
    )
    known: dict[str, tuple[FormKind, list[AttributeKind]]] = {}
    for kind, forms in FORMS.items():
        for one in forms.values():
            known.setdefault(one.name, (one, []))[1].append(kind)
    rows = []
    for one, kinds in known.values():
        form = Form(one.name, SORTS[one.parameter].example)
        name = next(each.name for each in CATALOGUE.attributes.values() if each.kind in kinds)
        value = derive(kinds[0], VALUES[kinds[0]], form, DAY)
        assert value is not None, form
        answer = json.dumps(CATALOGUE.claim_value(name, form, value), ensure_ascii=False)
        attribute = replace(CATALOGUE.attributes[name], claim="CLAIM")
        claim = replace(CATALOGUE, attributes={name: attribute}).claim_for(name, form)
        less = ", ".join(map(code, sorted(one.below))) or DASH
        said, saml = form_title(form), code(SAML_OF_FORMS.get(one.name))
        rows.append((code(spelling(one)), said, ", ".join(kinds), less, code(claim), code(answer), saml))
    yield table(("form", "what it says", "kinds", "says less than", "claim", "such an answer", "SAML"), rows)
    yield table(("kind", "such a value"), [(code(kind), code(_said(value))) for kind, value in VALUES.items()])


def _said(value: Value) -> str:
    return json.dumps(asdict(value) if isinstance(value, Address) else value, ensure_ascii=False)


def _levels() -> Iterator[str]:
    rows = [(code(name), level.label) for name, level in LEVELS_BY_NAME.items()]
    yield table(("name", "counts as"), rows)
    yield f"Any other name counts as nothing. In their order: {', '.join(level.label for level in LevelOfAssurance)}.\n"


def _reasons() -> Iterator[str]:
    say = load_english().say
    yield "As the approval page says it:\n"
    yield table(("reason", "in words"), [(code(reason), say(f"reason.{reason}")) for reason in Reason])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
