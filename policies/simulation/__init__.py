"""Decisions that are tried on made-up logins: what a change lets go, what an example misses, why a login went as it did."""
