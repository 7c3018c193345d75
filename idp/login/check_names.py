"""The stable names of the checks that `idp` and `policies` make themselves, in the words that logs use.

Those of messages, keys, addresses and metadata stand in `connectors.checks`. docs/errors.md is made of both.
"""

from collections.abc import Mapping

# Whether a login is alive, in this browser, and still what was shown: they stand beside `replayed` and its kinds
LOGIN_CHECKS: Mapping[str, str] = {
    "login_cookie": "this browser has the cookie of this login",
    "login_id": "a form is about the login that its address names",
    "login_ended": "the login, or the minutes of its question, have not ended",
    "answers_left": "a login takes a few wrong answers, and twenty in all",
    "not_asked": "an answer belongs to a login that has asked for one",
    "answer_fetched": "an answer that we fetch is fetched once; its page is there until it is decided",
    "strict_cookie": "this browser has the Strict cookie of the question",
    "sealed_size": "a sealed state has the size of one",
    "sealed_login": "a sealed state was sealed by us, for this login and this browser",
    "decided_shape": "the question was shown by this version",
    "approval_ended": "the earlier approval that one line speaks of still holds",
    "decided": "a login is decided once, and answered again only alike and within a minute",
    "session_ended": "the session that a sign-in rests on has not ended, here or at the provider",
    "policy_changed": "purpose, registrations and switches are what they were when the question was shown",
    "hinted_subject": "who signs in is the person whom the service's id_token_hint names",
    "subject_empty": "the identifier that a pseudonym is made of is not empty",
}

# Of another country's node that asks, beside what its request says (connectors.checks.REQUEST_CHECKS)
NODE_CHECKS: Mapping[str, str] = {
    "keys": "a registered node has metadata that is approved and valid now",
    "relay_state": "RelayState has at most 80 octets",
}

# Of the release record and its receipts (`idp.ledger`, `idp.receipts`), for whoever verifies one
RECORD_CHECKS: Mapping[str, str] = {
    "unreadable": "the file is there, is a file, and may be read",
    "options": "`--proof` is for one receipt",
    "size": "a receipt has at most 256 KiB",
    "json": "a receipt is one object of strict JSON",
    "canonical": "a receipt is canonical JSON (RFC 8785) and one line feed",
    "shape": "a receipt has the members that its version has, each of its kind",
    "signature": "the log's key signed the receipt",
    "log": "the receipt is of the log whose key was given",
    "opening": "an opening has a nonce and a content",
    "openings": "a receipt holds the openings that its holder may see, and no other",
    "commitment": "each opening opens the commitment in the leaf",
    "record": "what a receipt says in words is what its openings say",
    "promise": "a promise is about this leaf",
    "proof_form": "a proof of inclusion is spelt in its one way",
    "inclusion": "the path leads from the leaf to the checkpoint's root",
    "checkpoint": "a checkpoint has origin, size and root, each in its one spelling",
    "export": "an export has its first line, so many leaves and their checkpoint, each line in its one spelling",
    "export_root": "the leaves of an export have the root that the log signed",
    "export_split": "an export begins with the leaves of every checkpoint that the log signed before",
    "export_shrank": "the export is as large as what the log signed before it",
    "export_short": "an export reaches as far as what it is compared with",
    "export_leaf": "the leaf of a receipt stands in the export where its proof says",
    "records_order": "records stand in the order of the log, between the first leaf and the end",
    "records_filter": "each record is one that the filter of the file takes",
    "records_missing": "no record is missing that the file should have",
    "records_digest": "the file has as many records, and the lines, that the log signed",
    "records_other": "the file speaks of the leaf of the receipt",
    "note": "a signed note has its text, an empty line and signature lines",
    "note_size": "a signed note is of bounded size",
    "note_key": "a verifier's key is NAME+HASH+KEY, of Ed25519",
    "note_signature": "a key that was given signed the note, once, and no line of another key has the log's name",
    "witness_key": "a witness's key is NAME+ID+KEY, of type 04 (Ed25519) or 06 (ML-DSA-44)",
    "cosignature": "a known witness signed the checkpoint once, and its signature holds",
    "quorum": "as many other operators' witnesses as are wanted cosigned the checkpoint",
    "summary": "a summary is ours, and of the leaves that stand there",
    "request": "a request to a witness is `old SIZE`, at most 63 hashes, an empty line and a checkpoint",
}
