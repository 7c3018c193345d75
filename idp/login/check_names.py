"""The stable names of the checks that `idp` and `policies` make themselves, in the words that logs use.

check_names.toml has a sentence for each. Those of messages, keys, addresses and metadata stand in `connectors.checks`.
docs/errors.md is made of both.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path

_said: Mapping[str, Mapping[str, str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
LOGIN_CHECKS, NODE_CHECKS, RECORD_CHECKS = (_said[f"{kind}_CHECKS"] for kind in ("LOGIN", "NODE", "RECORD"))
