"""A configuration folder that is sound in every part, and what tests do to it."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.addresses import FetchError
from connectors.fetch import HttpAnswer
from idp.doctor.checks import examine
from idp.doctor.examination import Examination, Machine, read_folder
from idp.doctor.finding import DoctorFinding, DoctorReport, Severity
from idp.keys.file import create_saml_key, create_token_key
from idp.keys.folder import NODE_FILES, SAML_ENCRYPTION, SECRETS
from idp.keys.ledger_files import create_ledger_keys
from idp.ledger.cosignature import WitnessKey
from tests.connectors.metadata import node

NOW, DAY = node.NOW, node.DAY
GIB = 1024**3
ISSUER = "https://login.storkhaven.test"
ERROR, WARNING, NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE

# A witness of another operator, which cosigns what `shelf.sequence` signs
NEIGHBOUR = Ed25519PrivateKey.from_private_bytes(b"the key of a neighbour's witness")
NEIGHBOUR_KEY = WitnessKey.of("witness.neighbour.test", NEIGHBOUR)

SETTINGS = f"""\
role = "city"
issuer = "{ISSUER}"
listen = "127.0.0.1:8400"
trusted_proxies = ["127.0.0.1", "::1"]
database = "ciconia.db"
keys = "keys"
checkpoint_seconds = 10.0
witness = "seen.checkpoint"
witnesses = [{{ url = "https://witness.neighbour.test", vkey = "{NEIGHBOUR_KEY}", operator = "Neighbour" }}]
witness_policy = {{ quorum = 1, max_age_seconds = 86400 }}
country = "NL"

[organization]
name = "City of Storkhaven"
url = "https://storkhaven.test"
support = "support@storkhaven.test"
technical = "technical@storkhaven.test"
privacy_url = "https://storkhaven.test/privacy"
accessibility_url = "https://storkhaven.test/accessibility"
help_url = "https://storkhaven.test/help"
"""
TEXT = 'en = "a"\net = "b"\nzh-Hans = "c"\n'
PURPOSE = f"""\
id = "permit"
basis = "public_task"
retention = "P1Y"
minimum_assurance = "low"
[title]
{TEXT}[law]
{TEXT}[controller]
contact = "privacy@storkhaven.test"
[controller.name]
{TEXT}[attributes.birthdate]
form = "age_over(18)"
required = true
[attributes.birthdate.why]
{TEXT}[attributes.email]
form = "exact"
required = false
[attributes.email.why]
{TEXT}"""
PARTY = f"""\
client_id = "parking"
sector = "mobility"
redirect_uris = ["https://parking.test/callback"]
purposes = ["permit"]
client_secret_sha256 = "{"0" * 64}"
[title]
{TEXT}[attributes]
birthdate = "age_over(18)"
email = "exact"
"""
PROVIDER = f"""\
id = "lv"
country = "LV"
namespace = "test/LV"
entity_id = "https://idp.test/metadata"
metadata = "metadata/lv.xml"
[title]
{TEXT}[attributes]
"urn:oid:1.3.6.1.4.1.25178.1.2.3" = "birthdate"
"urn:oid:0.9.2342.19200300.100.1.3" = "email"
"""
NODE = f"""\
id = "ee"
protocol = "eidas"
country = "EE"
namespace = "eidas/EE"
entity_id = "{node.ENTITY}"
metadata_certificate = "metadata/ee.pem"
[title]
{TEXT}"""


def provider_metadata(
    certificate: bytes, url: str = "https://idp.test/sso", more: str = "", entity_id: str = "https://idp.test/metadata"
) -> str:
    """An identity provider's metadata, as it is pinned."""
    return (
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}" {more}>'
        '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
        '<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>'
        f"<ds:X509Certificate>{base64.b64encode(certificate).decode()}</ds:X509Certificate>"
        "</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        f'<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{url}"/>'
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    )


def pem(der: bytes) -> str:
    """A certificate as a file has it."""
    text = base64.b64encode(der).decode()
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def make_keys(folder: Path) -> None:
    """Makes keys as `ciconia init` does, with certificates of the tests' time."""
    folder.mkdir(mode=0o700)
    for number, name in enumerate(SECRETS):
        write(folder, name, f"{number:02x}" * 32 + "\n", mode=0o600)
    for name in ("saml.pem", SAML_ENCRYPTION, *NODE_FILES):
        create_saml_key(folder / name, "login.storkhaven.test", now=NOW - DAY)
    create_token_key(folder / "es256.pem", "ES256")
    create_token_key(folder / "rs256.pem", "RS256")
    create_ledger_keys(folder, ISSUER.removeprefix("https://") + "/log")


def write(folder: Path, name: str, text: str, *, mode: int = 0o644) -> Path:
    """A file of the folder, with its own folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def edit(folder: Path, name: str, old: str, new: str) -> int:
    """Replace a text that stands there once; the line on which it stood."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (name, old)
    path.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def machine(
    *, free: int = 50 * GIB, lxml: tuple[int, ...] = (2, 14, 6), environment: dict[str, str] | None = None
) -> Machine:
    """A machine on which nothing is wrong."""
    return Machine(disk=lambda _: (100 * GIB, free), libxml2=lambda: (lxml, (2, 14, 5)), environment=environment or {})


def case(folder: Path) -> Examination:
    """The folder as all checks see it."""
    return read_folder(folder, now=NOW, machine=machine())


@dataclass
class Outside:
    """The network: what each address answers; it remembers who was asked, and in which networks."""

    says: dict[str, HttpAnswer | FetchError] = field(default_factory=dict)
    asked: dict[str, Sequence[str]] = field(default_factory=dict)

    def look(self, url: str, *, networks: Sequence[str] = (), limit: int, timeout: float) -> HttpAnswer:
        assert limit > 0
        assert timeout > 0
        self.asked[url] = networks
        found = self.says.get(url, FetchError("connection", f"{url} cannot be reached over HTTP."))
        if isinstance(found, FetchError):
            raise found
        return found


def healthy(note: str = "") -> Outside:
    """Everybody answers, by our clock."""
    discovery = json.dumps({"issuer": ISSUER}).encode()
    return Outside(
        {
            f"{ISSUER}/.well-known/openid-configuration": HttpAnswer(200, NOW, discovery),
            f"{ISSUER}/log/checkpoint": HttpAnswer(200, NOW, note.encode())
            if note
            else HttpAnswer(404, NOW, b"no checkpoint yet"),
            node.ENTITY: HttpAnswer(200, NOW + 30, node.octets(node.proxy())),
        }
    )


def examined(
    folder: Path,
    *,
    on: Machine | None = None,
    outside: Outside | None = None,
    now: int = NOW,
    clock: Callable[[], int] | None = None,
) -> DoctorReport:
    """The findings about a folder."""
    return examine(folder, now=now, machine=on or machine(), fetcher=outside, clock=clock or (lambda: now))


def only(report: DoctorReport) -> DoctorFinding:
    """The one thing that was found."""
    assert len(report.findings) == 1, [f"{one.severity} {one.place}: {one.what}" for one in report.findings]
    return report.findings[0]


def at(report: DoctorReport, file: str, key: str, words: str = "") -> DoctorFinding:
    """The one finding at this place that has these words."""
    found = [one for one in report.findings if (one.file, one.key) == (file, key) and words in one.what]
    assert len(found) == 1, (file, key, words, [f"{one.place}: {one.what}" for one in report.findings])
    return found[0]
