"""A folder with several tenants, and how a browser asks one of them."""

import shutil
from dataclasses import dataclass
from pathlib import Path

NOW = 1_795_600_000


def issuer(name: str) -> str:
    return f"https://{name}.example"


def write(folder: Path, name: str, database: str = "ciconia.db", **more: str) -> Path:
    """The settings of a tenant; what holds keys and parties is made by others."""
    tenant = folder / "tenants" / name
    tenant.mkdir(parents=True)
    (folder / "ciconia.toml").write_text('listen = "127.0.0.1:8400"\n', encoding="utf-8")
    lines = {"issuer": issuer(name), "database": database, **more}
    text = "".join(f'{key} = "{value}"\n' for key, value in lines.items())
    (tenant / "ciconia.toml").write_text(text, encoding="utf-8")
    for part in ("purposes", "parties", "providers", "metadata"):
        (tenant / part).mkdir()
    return tenant


@dataclass(frozen=True)
class Roof:
    """Where the tenants are."""

    folder: Path

    @classmethod
    def copied(cls, made: Path, to: Path) -> "Roof":
        shutil.copytree(made, to)
        return cls(to)

    def tenant(self, name: str) -> Path:
        return self.folder / "tenants" / name

    def settings(self, name: str, **lines: str) -> None:
        """Write other settings for a tenant."""
        text = "".join(f'{key} = "{value}"\n' for key, value in lines.items())
        (self.tenant(name) / "ciconia.toml").write_text(text, encoding="utf-8")
