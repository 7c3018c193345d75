"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None
# The oldest revision whose program may serve the database after this step: see idp/store/migrate.py
compatible_from = ${repr(up_revision)}


def upgrade() -> None:
    """Apply."""
    ${upgrades if upgrades else "pass"}
