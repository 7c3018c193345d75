"""The stable names of the checks of a federation's metadata, in the words that logs use."""

from collections.abc import Mapping

# connectors/metadata/federation*; the XML, its signature, its end and its age are judged as those of a node's metadata
FEDERATION_CHECKS: Mapping[str, str] = {
    "metadata_endless": "the metadata has a validUntil, and it is a time",
    "metadata_empty": "an entity is left after the registration's filter",
    "metadata_duplicate": "each entityID stands once",
    "metadata_unreadable": "the file that the registration names can be read",
    "metadata_changed": "the copy on this machine is the one that was verified",
    "metadata_unwritable": "the copy can be written",
    "metadata_process": "the process that fetches comes to its end, within its time and memory",
    "metadata_busy": "no other process of this machine fetches the same metadata now",
    "left_out_entity_id": "the entityID has 1 to 1024 characters",
    "left_out_role": "the entity is an identity provider or a service provider",
    "left_out_filter": "the entity is one that the registration's filter takes",
    "left_out_http": "no address of the entity is http",
    "left_out_ended": "neither the entity nor a role of it has ended",
}
