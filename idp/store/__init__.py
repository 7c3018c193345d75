"""SQLAlchemy Core: tables, the group writer, reads, migrations."""
