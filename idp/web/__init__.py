"""HTTP: the site of a tenant, cookies, and the outermost edge.

It calls the login and the protocols, and decides nothing itself.
"""
