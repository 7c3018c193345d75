"""Puts all rooms together: from configuration folders to running tenants.

This room may touch every other one but the command line, the demo and the checks. Only it composes a tenant.
"""
