"""Commands on the record of releases."""
