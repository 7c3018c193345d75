"""`ciconia metadata`: the metadata of other countries' nodes and of providers, and our own."""

from idp.cli.metadata.commands import metadata as metadata
