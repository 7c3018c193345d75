"""The operator's pages as an ASGI application."""

from collections.abc import Mapping, Sequence

from idp.desk.application import Desk
from idp.desk.blocks import Block
from idp.desk.desk_page import DeskPage
from idp.desk.operator.operator_page import OperatorPage
from idp.desk.operator.pages import PAGES
from idp.desk.operator.reading import OperatorQuestion, OperatorReader
from idp.desk.operator.standing_pages import things
from idp.desk.sign_in_routes import SignInRoutes
from idp.desk.table_views import MAX_FILTER
from policies.errors import RequestRefused


class OperatorDesk(Desk):
    """One tenant's pages for its administrators."""

    def __init__(self, *, reader: OperatorReader, doors: SignInRoutes) -> None:
        self._reader = reader
        super().__init__(doors=doors, pages=PAGES)

    def blocks(self, page: DeskPage, given: Mapping[str, str], who: str) -> Sequence[Block]:
        """See `Desk`."""
        if not isinstance(page, OperatorPage):
            raise TypeError("a page of another desk")
        named = {name: given.get(name, "") for name in page.filters}
        if any(len(value) > MAX_FILTER for value in named.values()):
            raise RequestRefused("a filter that is too long")
        return page.make(self._reader, OperatorQuestion(named, who))

    def filter_of(self, name: str) -> tuple[str, Sequence[str]]:
        """See `Desk`."""
        choices = [f"{kind} {one}" for kind, one in things(self._reader.standing())] if name == "thing" else ()
        return "text", choices
