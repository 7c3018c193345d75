"""STORK 1.0 and 2.0, which countries spoke before eIDAS: requests, responses and typed values, both ways.

registry  names, levels, and the attributes with the types of their values
request   the AuthnRequest with its extensions
response  the Response, and the Assertion in it
values    attributes with their status, simple and complex values
"""
