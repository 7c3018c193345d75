"""The peers that we know, and by which metadata.

pinned_provider.py  identity providers, by metadata that an operator pinned in a file
judgement.py        signed metadata held against who must have signed it, pure
peers.py            other countries' nodes, by signed metadata that is fetched, judged and held
copies.py           which copy of it counts: the one in memory, the one that is kept or the one that came, pure
chains.py           certificates in it, held against the anchors of a registration
approval.py         what of that counts: what an operator approved and is still there
federations.py      federations: the last good copy of each, of which an entity is read when it is used
members.py          who of them is known by one registration for all, and summaries.py, as people look for them
uptake.py           whether a copy of our own metadata is the one of today, pure
"""
