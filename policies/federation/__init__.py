"""The words of REFEDS and its federations as data: entity categories of services, and the assurance of a person.

categories.py  what a category lets go; what a source wants of a service, and a service of a person's identity
"""
