"""Every catalogue is spelled as the dictionary of its language says, if Debian has one.

`words/LOCALE.txt` has the right words that a dictionary lacks, such as compounds and words of computing.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from idp.pages.languages import LANGUAGES, load_languages, locale_of
from tests.peers import require_peer

DICTIONARIES = {
    "bg": "bg_BG",
    "cs": "cs_CZ",
    "da": "da_DK",
    "de": "de_DE",
    "el": "el_GR",
    "en": "en_GB",
    "es": "es_ES",
    "et": "et_EE",
    "fr": "fr_FR",
    "ga": "ga_IE",
    "hr": "hr_HR",
    "hu": "hu_HU",
    "it": "it_IT",
    "lt": "lt_LT",
    "lv": "lv_LV",
    "nl": "nl_NL",
    "pl": "pl_PL",
    "pt": "pt_PT",
    "ro": "ro_RO",
    "sk": "sk_SK",
    "sl": "sl_SI",
    "sv": "sv_SE",
}
# Debian has no dictionary of hunspell for these
WITHOUT = {"fi", "mt", "zh-Hans", "zh-Hant"}
# Names and words of computing, which are the same everywhere
EVERYWHERE = {
    *("EORI", "JavaScript", "LEI", "PIN", "QR", "SEED", "SIC", "UTC", "eID", "id", "json", "log", "receipt"),
    *("token", "userinfo", "vkey"),
}
FOLDER = Path("/usr/share/hunspell")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019\u00b7-][^\W\d_]+)*")


def _words(tag: str) -> set[str]:
    return {word for text in load_languages()[tag].phrases.values() for word in _WORD.findall(re.sub(r"{\w+}", " ", text))}


def _unknown(words: set[str], dictionary: str) -> set[str]:
    command = ["hunspell", "-i", "utf-8", "-d", dictionary, "-l"]
    told = subprocess.run(command, input="\n".join(words), text=True, capture_output=True, check=True).stdout.split()
    # A letter alone is a paragraph's, or what is left of a word that hunspell cut at an apostrophe
    return {word for word in told if len(word) > 1}


def _known(tag: str) -> set[str]:
    file = Path(__file__).with_name("words") / f"{locale_of(tag)}.txt"
    return set(file.read_text(encoding="utf-8").split()) if file.exists() else set()


def test_every_language_has_a_dictionary_or_none_exists() -> None:
    assert DICTIONARIES.keys() | WITHOUT == set(LANGUAGES)


@pytest.mark.peer
@pytest.mark.spec("issue 32: hunspell dictionaries from Debian spell-check every catalogue that has one")
@pytest.mark.parametrize(("tag", "dictionary"), DICTIONARIES.items())
def test_every_word_is_spelled_right(tag: str, dictionary: str) -> None:
    require_peer("hunspell", present=shutil.which("hunspell") is not None)
    require_peer(f"hunspell {dictionary}", present=(FOLDER / f"{dictionary}.dic").exists())
    assert _unknown({"qzxwv"}, dictionary) == {"qzxwv"}, "the dictionary takes anything"
    words = _words(tag)
    assert {one for one in _known(tag) if one not in " ".join(words)} == set(), "these words stand in no phrase"
    assert _unknown(words, dictionary) - _known(tag) - EVERYWHERE == set()
