"""National identifiers that say more than they name: a birth date, a sex, a place of birth can be read off them.

Layouts are those of the laws and standards that are cited. A country that is not here has a number without such content,
or sends a pseudonym of its own. A country's answer may hold another identifier than its national number: the table errs on
the side of a warning.
"""

from collections.abc import Mapping
from dataclasses import dataclass

BIRTH_DATE, BIRTH_MONTH, SEX, BIRTHPLACE = "birth date", "month of birth", "sex", "place of birth"


@dataclass(frozen=True, slots=True)
class EmbeddingIdentifier:
    """A country's identifier: its own name, what the whole says, what its last four signs say, and the law."""

    name: str
    tells: tuple[str, ...]
    last4: tuple[str, ...]
    law: str


_BOTH = (BIRTH_DATE, SEX)
# By country (ISO 3166-1 alpha-2)
EMBEDDING: Mapping[str, EmbeddingIdentifier] = {
    "BE": EmbeddingIdentifier("rijksregisternummer", _BOTH, (SEX,), "Koninklijk besluit van 3 april 1984"),
    "BG": EmbeddingIdentifier("ЕГН", _BOTH, (SEX,), "Закон за гражданската регистрация, чл. 11"),
    "CZ": EmbeddingIdentifier("rodné číslo", _BOTH, (), "Zákon č. 133/2000 Sb., § 13"),
    "DK": EmbeddingIdentifier("CPR-nummer", _BOTH, (SEX,), "Lov om Det Centrale Personregister, § 3"),
    "EE": EmbeddingIdentifier("isikukood", _BOTH, (), "Rahvastikuregistri seadus; EVS 585:2007"),
    "FI": EmbeddingIdentifier("henkilötunnus", _BOTH, (SEX,), "Laki 661/2009, 11 §"),
    "FR": EmbeddingIdentifier("NIR", (SEX, BIRTH_MONTH, BIRTHPLACE), (), "Décret n° 82-103 du 22 janvier 1982, art. 4"),
    "HU": EmbeddingIdentifier("személyi azonosító", _BOTH, (), "1996. évi XX. törvény, 2. melléklet"),
    "IS": EmbeddingIdentifier("kennitala", (BIRTH_DATE,), (), "Lög nr. 140/2019 um skráningu einstaklinga"),
    "IT": EmbeddingIdentifier("codice fiscale", (*_BOTH, BIRTHPLACE), (BIRTHPLACE,), "D.M. 23 dicembre 1976, n. 13813"),
    "LT": EmbeddingIdentifier("asmens kodas", _BOTH, (), "Gyventojų registro įstatymas, 8 straipsnis"),
    "LU": EmbeddingIdentifier("numéro d'identification", (BIRTH_DATE,), (), "Loi du 19 juin 2013"),
    "LV": EmbeddingIdentifier("personas kods (before July 2017)", (BIRTH_DATE,), (), "Fizisko personu reģistra likums"),
    "NO": EmbeddingIdentifier("fødselsnummer", _BOTH, (SEX,), "Folkeregisterforskriften § 2-2-1"),
    "PL": EmbeddingIdentifier("PESEL", _BOTH, (SEX,), "Ustawa z 24 września 2010 r. o ewidencji ludności, art. 15"),
    "RO": EmbeddingIdentifier("CNP", (*_BOTH, BIRTHPLACE), (), "O.U.G. nr. 97/2005"),
    "SE": EmbeddingIdentifier("personnummer", _BOTH, (SEX,), "Folkbokföringslag (1991:481) 18 §"),
    "SI": EmbeddingIdentifier("EMŠO", _BOTH, (SEX,), "Zakon o centralnem registru prebivalstva"),
    "SK": EmbeddingIdentifier("rodné číslo", _BOTH, (), "Zákon č. 301/1995 Z. z., § 2"),
}
