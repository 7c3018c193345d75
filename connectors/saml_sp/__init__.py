"""SAML 2.0 towards identity providers, as their service provider (SAML Profiles 2.0 §4.1).

connector.py        `SamlConnector`: one signed question through the browser, one answer; our metadata
"""
