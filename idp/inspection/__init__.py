"""What `ciconia inspect` does with files: the server's own verification, an expectation by hand, and an answer in full.

inspectors.py         the entrance: from options to the inspector of their kind
options.py            what was asked on the command line, and whether it fits together
reading.py            files, pipes and standard input, up to the limit of their kind
response.py           a SAML response, by the connector of its profile
expecting.py          that connector, made from an expectation by hand or from a configuration
messages.py           requests and single logout, in XML or in the query of a Redirect
senders.py, told.py   whom those must be from; the judge of each, and what it tells
metadata.py           signed metadata, as other countries' nodes' is judged
id_token.py           an id_token, by the judge of `connectors.id_token`
client_assertion.py   a client's assertion, by the judge of the token endpoint
opinion.py            a second implementation, asked after ours
decrypting.py         keys that decrypt: a developer's own, and a configuration's, which are recorded before they do
outcome.py            what came of a file, and its JSON
plan.py               the numbered plan of each kind, and the page for people
"""
