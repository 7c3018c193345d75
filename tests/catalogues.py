"""The catalogues of phrases: brings them into step with the English one, and marks a machine's drafts.

    python -m tests.catalogues              every catalogue gets the phrases, the order and the comments of the English one
    python -m tests.catalogues --draft LOCALE ...    the same, and every text of these is marked as a draft for review
    python -m tests.catalogues --state      the page docs/translations.md, which `make docs` makes

A phrase that is new, or whose English text changed, is empty in each catalogue afterwards. docs/translate.md tells more.
"""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import escape, read_po

from idp.pages.phrases import draft_mark

LOCALE = Path(__file__).parents[1] / "idp" / "pages" / "locale"


def in_step(own: bytes, english: bytes, *, draft: bool = False) -> str:
    """The catalogue with the messages of the English one, in its order, and its own translations of the same texts."""
    head, catalog = own.decode().split("\n\n")[0], read_po(BytesIO(own), ignore_obsolete=True)
    blocks = [_block(each, catalog, draft=draft) for each in read_po(BytesIO(english)) if each.id]
    return "\n\n".join((head, *blocks)) + "\n"


def _block(message: Message, catalog: Catalog, *, draft: bool) -> str:
    found = catalog.get(message.id, message.context)
    same = found is not None and found.id == message.id
    comments = list(found.user_comments) if found is not None and same else []
    fuzzy = draft or (found is not None and same and found.fuzzy)
    if fuzzy and draft:
        comments = [draft_mark(message)]
    flags = [*(["fuzzy"] if fuzzy else []), *sorted(message.flags - {"fuzzy"})]
    texts = _forms(found.string if found is not None and same else "", catalog, message)
    return "\n".join((*_comments(message, comments, flags), *_ids(message), *texts))


def _comments(message: Message, own: list[str], flags: list[str]) -> Iterator[str]:
    yield from (f"# {each}" for each in own)
    yield from (f"#. {each}" for each in message.auto_comments)
    if flags:
        yield f"#, {', '.join(flags)}"


def _ids(message: Message) -> Iterator[str]:
    yield f"msgctxt {escape(message.context or '')}"
    one, *more = [message.id] if isinstance(message.id, str) else message.id
    yield f"msgid {escape(one)}"
    yield from (f"msgid_plural {escape(each)}" for each in more)


def _forms(said: object, catalog: Catalog, message: Message) -> Iterator[str]:
    if not message.pluralizable:
        yield f"msgstr {escape(said if isinstance(said, str) else '')}"
        return
    found = list(said) if isinstance(said, list | tuple) else [said]
    for form in range(catalog.num_plurals):
        yield f"msgstr[{form}] {escape(str(found[form]) if form < len(found) else '')}"


def state() -> Iterator[str]:
    """A page: how many texts of each catalogue somebody reviewed, are a machine's draft, or are missing."""
    yield "# State of the translations"
    yield ""
    yield "A language has every sentence, or is left out ([why](decisions/0077-a-language-is-a-folder-and-a-line.md))."
    yield "Nobody has reviewed a draft yet: [help](translate.md)."
    yield ""
    yield "| language | reviewed | drafts | missing |"
    yield "|---|---|---|---|"
    for file in sorted(LOCALE.glob("*/LC_MESSAGES/ciconia.po")):
        if file.parts[-3] != "en":
            messages = [each for each in read_po(BytesIO(file.read_bytes()), ignore_obsolete=True) if each.id]
            missing = sum(
                not all(each.string if isinstance(each.string, list | tuple) else [each.string]) for each in messages
            )
            drafts = sum(each.fuzzy for each in messages)
            yield f"| {file.parts[-3]} | {len(messages) - drafts - missing} | {drafts} | {missing} |"


def main(arguments: list[str]) -> None:
    """Write every catalogue anew."""
    if arguments == ["--state"]:
        (LOCALE.parents[2] / "docs" / "translations.md").write_text("\n".join(state()) + "\n", encoding="utf-8")
        return
    drafts = arguments[1:] if arguments[:1] == ["--draft"] else []
    english = (LOCALE / "en" / "LC_MESSAGES" / "ciconia.po").read_bytes()
    for file in sorted(LOCALE.glob("*/LC_MESSAGES/ciconia.po")):
        locale = file.parts[-3]
        file.write_text(in_step(file.read_bytes(), english, draft=locale in drafts), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
