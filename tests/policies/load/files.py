"""A configuration without a fault, and what to spoil in it."""

from pathlib import Path

from policies.errors import Misconfigured, Problem
from policies.load import load

WHOLE = Path(__file__).with_name("whole")
# made by `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=metadata`; its key is gone
PEM = """\
-----BEGIN CERTIFICATE-----
MIIBfDCCASGgAwIBAgIUOSD9wyLvUkmTdbOPutLGXx7FoSEwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIbWV0YWRhdGEwHhcNMjYxMTI1MTQxMzA0WhcNMzYxMTIyMTQx
MzA0WjATMREwDwYDVQQDDAhtZXRhZGF0YTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABM96SB3Eu7BjppmZaIybXncwEbB/smZcBFdboTH6UyB5LjdliJhigks74L6c
N5jlE/uzDlw17peGKjd1mqC1B42jUzBRMB0GA1UdDgQWBBRf4vQ6+9U4QdZAWNRw
iDPAXq/FYTAfBgNVHSMEGDAWgBRf4vQ6+9U4QdZAWNRwiDPAXq/FYTAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQC57vfJZeFlUmX9kK65FHhpCVU/
ghOykH0HIAVgw6sp8AIhAPm83dKTQkYFDg7QOZymXk+FAf7Cu2c3yk85OUKhjX40
-----END CERTIFICATE-----
"""
FILES = {
    **{file.relative_to(WHOLE).as_posix(): file.read_text("utf-8") for file in WHOLE.rglob("*.*") if file.is_file()},
    "metadata/node.pem": PEM,
}
PURPOSE, PARTY, PROVIDER = (FILES[f"{name}.toml"] for name in ("purposes/parking", "parties/parking", "providers/demo-ee"))
COUNTRY_NODE, NODE, OWN = FILES["providers/lv.toml"], FILES["nodes/nl.toml"], FILES["catalogue.toml"]
JWKS = FILES["parties/fares.jwks.json"]


def files(**changed: str) -> dict[str, bytes]:
    """The configuration; keys such as `purposes/parking.toml` replace or add a file."""
    return {name: text.encode() for name, text in {**FILES, **changed}.items()}


def spoiled(file: str, old: str, new: str) -> dict[str, bytes]:
    """The configuration with one text replaced in one file."""
    assert FILES[file].count(old) >= 1, old
    return files(**{file: FILES[file].replace(old, new, 1)})


def problems_of(configuration: dict[str, bytes]) -> tuple[Problem, ...]:
    try:
        load(configuration)
    except Misconfigured as error:
        return error.problems
    raise AssertionError("the configuration was accepted")


def problem_of(file: str, old: str, new: str) -> Problem:
    """The one problem that a spoiled file has."""
    found = problems_of(spoiled(file, old, new))
    assert len(found) == 1, [str(problem) for problem in found]
    assert found[0].file == file
    return found[0]
