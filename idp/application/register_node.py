"""Registers a node of another country, for `ciconia metadata service-list --write`: writes two new files.

No existing file is changed. If the configuration does not load with the new files, they are removed.

    providers/NAME.toml    a sending node that a city asks; nodes/NAME.toml, a receiving node that asks a sending one
    metadata/NAME.pem      the certificates of the keys that sign its metadata
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from asn1crypto.pem import armor

from connectors.formats.eidas.service_list import ListedNode
from idp.application.load import load_all
from idp.application.register_party import files_written
from idp.system.toml_text import dumped
from policies.errors import Misconfigured, Problem


@dataclass(frozen=True, slots=True)
class NodeRegistration:
    """The node to register: its name here, its title for people, and the certificates (DER) to pin."""

    name: str
    title: str
    node: ListedNode
    certificates: tuple[bytes, ...] = field(repr=False)

    @property
    def file(self) -> str:
        """The path of the registration, relative to the configuration."""
        return f"{'providers' if self.node.role == 'proxy' else 'nodes'}/{self.name}.toml"

    @property
    def pem_file(self) -> str:
        """The path of the certificates, relative to the configuration."""
        return f"metadata/{self.name}.pem"


def text_of_node(asked: NodeRegistration) -> str:
    """The registration, as TOML."""
    node = asked.node
    of_provider = {"protocol": "eidas", "namespace": f"eidas/{node.country}"} if node.role == "proxy" else {}
    table = {
        "id": asked.name,
        "country": node.country,
        **of_provider,
        "entity_id": node.entity_id,
        **({"metadata_url": node.location} if node.location != node.entity_id else {}),
        "metadata_certificate": asked.pem_file,
    }
    head = "# Written by `ciconia metadata service-list`. Whoever signed that list said whose certificate this is.\n"
    return f"{head}{dumped(table)}\n{dumped({'title': {'en': asked.title}})}"


def register_node(asked: NodeRegistration, folder: Path) -> tuple[Path, ...]:
    """Write the new files, load the whole configuration to check them, and return their paths.

    Raises `Misconfigured` with every problem, FileExistsError if another process was faster, and OSError if it cannot
    write. After an error, also after Ctrl-C, none of its files is left.
    """
    taken = [name for name in (asked.file, asked.pem_file) if os.path.lexists(folder / name)]
    if taken:
        raise Misconfigured((Problem(taken[0], 0, "", "the file exists already.", "give another name with --name."),))
    pem = b"".join(armor("CERTIFICATE", der) for der in asked.certificates)
    with files_written(folder, {asked.pem_file: pem, asked.file: text_of_node(asked).encode()}) as written:
        load_all(folder)
    return written
