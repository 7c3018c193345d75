"""Files of YAML by PyYAML (the extra `yaml`): plain values alone. A tag, such as SATOSA's `!ENV`, is `Unread`."""

from idp.application.imports.found import Unreadable
from idp.application.imports.values import Unread
from policies.errors import EXTRAS

try:
    import yaml
except ImportError:
    yaml = None  # without the extra `yaml`: `read_yaml` says so


def read_yaml(file: str, octets: bytes) -> object:
    """The one document of a file. Raises `Unreadable`, also where the extra `yaml` is not installed."""
    if yaml is None:
        raise Unreadable(file, f"is YAML, and the extra `yaml` is not installed: {EXTRAS}")
    try:
        return yaml.load(octets.decode(), _loader())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise Unreadable(file, f"is no YAML{where}.") from error


def _loader() -> type:
    """The safe loader, which also meets tags of the peer's own."""
    plain: type = type("Plain", (yaml.SafeLoader,), {})

    def unread(_loader: object, suffix: str, node: yaml.Node) -> Unread:
        value = node.value if isinstance(node.value, str) else "..."
        return Unread(f"!{suffix} {value}", node.start_mark.line + 1)

    yaml.add_multi_constructor("!", unread, plain)
    return plain
