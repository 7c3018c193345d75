"""The eIDAS SAML profile on the wire: requests, responses, metadata and the minimum data set.

registry.py   names, attributes, levels and statuses      request.py   AuthnRequest, both ways
values.py     attributes and their values, both ways
response.py   Response and Assertion, both ways           address.py   CurrentAddress in its base64 form
latin.py      which texts need a transliteration          metadata.py  what nodes say about themselves
"""
