"""Receipts for the citizen and for the service: how one is made, and how anybody checks one.

Issuing reads the store; checking reads nothing.
"""
