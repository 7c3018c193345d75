"""All of the operator's pages, in the order of their list."""

from idp.desk.operator.health_page import HEALTH
from idp.desk.operator.plan_pages import PLANS, PROPOSE
from idp.desk.operator.simulator import SIMULATOR
from idp.desk.operator.standing_pages import COUNTRIES, KEYS, OVERVIEW, PURPOSES, SERVICES, SWITCHES

PAGES = (OVERVIEW, SERVICES, PURPOSES, COUNTRIES, KEYS, SWITCHES, SIMULATOR, PROPOSE, PLANS, HEALTH)
