"""All pages of the desk, in the order of its list."""

from idp.desk.auditor.grant_page import GRANTS
from idp.desk.auditor.record_pages import ACTS, HOME, POLICY, PROVE
from idp.desk.auditor.report_pages import REPORT_PAGES
from idp.desk.auditor.upload_pages import PERSON, RECEIPTS

__all__ = ["HOME", "PAGES"]

PAGES = (HOME, *REPORT_PAGES, POLICY, ACTS, PROVE, PERSON, RECEIPTS, GRANTS)
