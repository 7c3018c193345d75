"""Reads a peer's configuration, and writes it as registrations and providers of ours.

`keycloak`, `satosa` and `simplesamlphp` each read one peer into `found.Found`; `php` and `yaml_text` read its files, and
evaluate nothing. `metadata` makes the metadata that a peer never had as a file. `writing` makes new files of all that.
"""
