"""Counts, steps and readiness, for operators. Nothing here decides about a login."""
