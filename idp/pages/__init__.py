"""The pages: typed views in, HTML out. No page needs JavaScript, sets a cookie or decides anything.

views.py         the view of each page: frozen, already in words
wording.py       a decision in words: attributes, forms, reasons, legal bases, dates, countries
languages.py     which language, and what it says
cldr.py          names of countries, dates, numbers and lists of a language, from CLDR
collation.py     the order of its alphabet
search.py        a country by what somebody typed
switch.py        the list of languages on each page
phrases.py       the phrases of each language, from gettext catalogues (`locale/`)
compiled.py      languages and templates (`templates/*.html`), read and compiled once at start
render.py        `Pages`: views in, HTML out
headers.py       the HTTP headers of each kind of page
static.py        the style sheet and the mark (`static/`)
palette.py       the colours, their contrast, and the style sheet that is made of them
theme.py         an operator's `theme.toml`
logo.py          an operator's logo, judged
"""
