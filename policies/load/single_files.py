"""The files of which a configuration has one at the most: what each holds, and what counts without it."""

from collections.abc import Mapping

from policies.assurance.ladders import Ladders
from policies.bodies import Aggregator
from policies.catalogue import STANDARD, Catalogue
from policies.errors import Problem
from policies.load.bodies import AGGREGATOR_FILE, read_aggregator
from policies.load.ladders import LADDERS_FILE, read_ladders, shipped
from policies.load.logout import GROUPS_FILE, read_session_groups
from policies.load.node_list import LIST_FILE, read_node_list
from policies.load.own_attributes import read_own_attributes
from policies.load.table import Table, parse
from policies.node_list import NodeList
from policies.session_groups import SessionGroup


def _only(file: str, files: Mapping[str, bytes], problems: list[Problem]) -> Table | None:
    return parse(file, files[file], problems) if file in files else None


def catalogue_of(files: Mapping[str, bytes], problems: list[Problem]) -> Catalogue:
    """The catalogue with the city's own attributes."""
    table = _only("catalogue.toml", files, problems)
    return read_own_attributes(table) if table else STANDARD


def ladders_of(files: Mapping[str, bytes], problems: list[Problem]) -> Ladders:
    """The ladders of assurance."""
    table = _only(LADDERS_FILE, files, problems)
    return read_ladders(table) if table else shipped()


def session_groups_of(files: Mapping[str, bytes], problems: list[Problem]) -> Mapping[str, SessionGroup]:
    """The groups of services that share a sign-in."""
    table = _only(GROUPS_FILE, files, problems)
    return read_session_groups(table) if table else {}


def aggregator_of(files: Mapping[str, bytes], problems: list[Problem]) -> Aggregator | None:
    """Our own part towards those whom we ask for bodies."""
    table = _only(AGGREGATOR_FILE, files, problems)
    return read_aggregator(table) if table else None


def node_list_of(files: Mapping[str, bytes], problems: list[Problem]) -> NodeList | None:
    """The list of all nodes."""
    table = _only(LIST_FILE, files, problems)
    return read_node_list(table, files) if table else None
