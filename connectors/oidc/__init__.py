"""OpenID Connect towards upstream providers, as their relying party (OpenID Connect Core 1.0 §3.1).

connector.py        `OidcConnector`: one question through the browser, one answer through it and through our own line
metadata.py         a provider's pinned discovery document, and whether our registration fits it
question.py         the parameters of a question, and its request object; pure
answer.py           what came back, judged: the redirect, the token response, userinfo; pure
proofs.py           what proves who we are: client assertions, secrets, DPoP
line.py             our own line to one provider: one deadline, a few at once, and a breaker
published_keys.py   the provider's keys as it publishes them now
"""
