"""The ways to ask a register about a person, each an `AttributeProvider` (`connectors/attribute_provider.py`).

attribute_authority.py  a SAML attribute authority: a signed AttributeQuery over SOAP
claims_provider.py      a register with signed tokens over HTTPS
database_view.py        a view of a city's database, which we only read
judgement.py            what every answer is held against: kinds of values, names, and that it comes once
"""
