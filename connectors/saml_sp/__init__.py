"""SAML 2.0 towards identity providers, as their service provider (SAML Profiles 2.0 §4.1).

connector.py        `SamlConnector`: one signed question through the browser, one answer
artifact.py         an answer that we fetch, by the artifact that the browser brings
registration.py     whether the provider, as registered and by its metadata, can be asked, and which scoped values count
proxying.py         what proxies are told, and what they say of those behind them
own_metadata.py     our own metadata
"""
