"""SATOSA's SAML backend in front of pysaml2's identity provider: both get the other's metadata, and then both run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any  # pysaml2 has no types

import pysaml2_idp
from saml2.config import IdPConfig, SPConfig
from saml2.metadata import create_metadata_string

BEHIND = os.environ["BEHIND"]


def described(configuration: Any) -> bytes:
    """The metadata of a configuration, as `make_metadata.py` writes it."""
    said = create_metadata_string(None, configuration, sign=False)
    return said.encode() if isinstance(said, str) else bytes(said)


if __name__ == "__main__":
    backend = json.loads(Path("backend.yaml").read_text(encoding="utf-8"))["config"]["sp_config"]
    own = os.environ["BASE"]
    text = json.dumps(backend).replace("<base_url>", own).replace("<name>", "person")
    filled = json.loads(text)
    filled["metadata"] = {}
    Path("sp.xml").write_bytes(described(SPConfig().load(filled)))
    os.environ["BROKER_METADATA"] = "sp.xml"
    Path("behind.xml").write_bytes(described(IdPConfig().load(pysaml2_idp.settings(BEHIND))))
    port = BEHIND.rpartition(":")[2]
    environment = {**os.environ, "BASE": BEHIND, "PORT": port, "BROKER": filled["entityid"], "FLOW": "both signed"}
    subprocess.Popen([sys.executable, pysaml2_idp.__file__], env=environment)
    words = ["-m", "gunicorn", "--bind", f"127.0.0.1:{os.environ['PORT']}", "satosa_app:app"]
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 - there is nothing for a shell to do
