"""Names and forms of writing of one language, taken out of CLDR (Babel) at start.

Babel keeps every language that it ever read whole, a megabyte each. What pages need of one is a fiftieth of that.
"""

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from sys import intern

from babel import Locale, localedata
from babel.core import UnknownLocaleError


@dataclass(frozen=True, slots=True)
class Writing:
    """One locale: its name for itself, its names of countries by code, and how it writes dates, numbers and lists.

    `day` and `month` are patterns of a date and of a month of a year, with the fields of CLDR (`%(MMMM)s %(y)s`). `months`
    are the names that stand beside a day, and `alone` those that do not.
    """

    own_name: str
    countries: Mapping[str, str]
    right_to_left: bool
    day: str
    month: str
    months: Sequence[str]
    alone: Sequence[str]
    group: str
    lists: Mapping[str, str]

    def date(self, day: date, *, whole: bool) -> str:
        """A date, or without `whole` its month and year alone."""
        fields = {"d": day.day, "dd": f"{day.day:02}", "M": day.month, "MM": f"{day.month:02}", "y": day.year}
        names = {"MMMM": self.months[day.month - 1], "LLLL": self.alone[day.month - 1]}
        return (self.day if whole else self.month) % {**fields, **names}

    def number(self, number: int) -> str:
        """A whole number with its thousands apart."""
        return f"{number:,}".replace(",", self.group)

    def listed(self, parts: Sequence[str]) -> str:
        """Parts in one sentence: "a, b and c"."""
        if len(parts) < 3:  # noqa: PLR2004 - CLDR has a pattern of its own for two
            return self.lists["2"].format(*parts) if len(parts) > 1 else "".join(parts)
        text = self.lists["start"].format(parts[0], "{}")
        for part in parts[1:-2]:
            text = text.format(self.lists["middle"].format(part, "{}"))
        return text.format(self.lists["end"].format(*parts[-2:]))


def writing(locale: str) -> Writing:
    """Read a locale (`zh_Hans`). Raises `babel.core.UnknownLocaleError` if CLDR has none of this name."""
    found = _read(Locale.parse(locale))
    forget()
    return found


def _read(locale: Locale) -> Writing:
    months = locale.months
    # A variety of a language (en_GB) is called like the language itself
    own = locale.languages["_".join(filter(None, (locale.language, locale.script)))]
    return Writing(
        own_name=own[0].upper() + own[1:],
        countries={intern(code): intern(str(name)) for code, name in locale.territories.items() if _is_country(code)},
        right_to_left=locale.text_direction == "rtl",
        day=locale.date_formats["long"].format,
        month=locale.datetime_skeletons["yMMMM"].format,
        months=tuple(months["format"]["wide"][number] for number in range(1, 13)),
        alone=tuple(months["stand-alone"]["wide"][number] for number in range(1, 13)),
        group=locale.number_symbols["latn"]["group"],
        lists=dict(locale.list_patterns["standard"]),
    )


def country_name(locale: str, code: str) -> str:
    """A country's name in any language of CLDR; "" if it has none."""
    try:
        return str(Locale.parse(locale).territories.get(code, ""))
    except UnknownLocaleError:
        return ""


def forget() -> None:
    """Give the memory back that Babel keeps for what was read: nothing of it outlives the second generation."""
    localedata._cache.clear()  # noqa: SLF001 - there is no public way
    gc.collect(1)


def _is_country(code: str) -> bool:
    return len(code) == 2 and code.isalpha()  # noqa: PLR2004 - CLDR also has continents, in three digits
