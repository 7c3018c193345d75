"""All pages of the desk, in the order of its list."""

from idp.desk.record_pages import HOME
from idp.desk.report_pages import REPORT_PAGES

__all__ = ["HOME", "PAGES"]

PAGES = (HOME, *REPORT_PAGES)
