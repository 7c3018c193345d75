"""Witnesses of other operators (C2SP tlog-witness): asking them, and being one.

`asking` and `cosigning` are the broker's side: whoever holds the ledger's lease asks each witness for its cosignature.
`witness`, `seen` and `service` are a witness of its own (`ciconia witness serve`). It needs nothing of a broker.
The checkpoints that a broker keeps for itself outside its database are another thing: `idp.sequencer.witness`.
"""
