"""A page as lxml's HTML parser sees it."""

from lxml import html


class Read:
    """Finds elements and words."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = html.document_fromstring(text)

    def find(self, xpath: str) -> list[html.HtmlElement]:
        found = self.tree.xpath(xpath)
        assert isinstance(found, list)
        return [each for each in found if isinstance(each, html.HtmlElement)]

    def one(self, xpath: str) -> html.HtmlElement:
        found = self.find(xpath)
        assert len(found) == 1, f"{xpath}: {len(found)}"
        return found[0]

    def words(self, xpath: str = "//body") -> str:
        return " ".join(" ".join(str(each.text_content()).split()) for each in self.find(xpath))
