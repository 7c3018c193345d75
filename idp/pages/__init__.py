"""The pages: typed views in, HTML out. No page needs JavaScript, sets a cookie or decides anything.

views.py         the view of each page: frozen, already in words
wording.py       a decision in words: attributes, forms, reasons, legal bases, dates, countries
languages.py     which language, with its order, dates and names of countries
phrases.py       the phrases of each language, from gettext catalogues (`locale/`)
render.py        `Pages`: templates (`templates/*.html`) made once at start
headers.py       the HTTP headers of each kind of page
static.py        the style sheet and the mark (`static/`)
palette.py       the colours, their contrast, and the style sheet that is made of them
theme.py         an operator's `theme.toml`
logo.py          an operator's logo, judged
"""
