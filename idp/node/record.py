"""What a sending node writes into its release ledger: which node asked, in which message, when, and how it ended.

Nothing of the person, of what they have or of who vouched for them (decisions.md 26): an incident is found by node, message
id and time, and the ledger leads to nobody.
"""

from idp.ports import RecordDraft
from idp.transparency.draft import CANCELLATION, REFUSAL, RELEASE, UNSENT, draft_node, new_record
from policies.parties import EntityId


class NodeRecorder:
    """Makes the drafts of a sending node. `message` is the ID of the node's request, `now` is in seconds."""

    def release(self, message: str, node: EntityId, now: int) -> RecordDraft:
        """The citizen continued: an assertion goes to the node."""
        return draft_node(record=new_record(), time=now, kind=RELEASE, message=message, node=node)

    def refusal(self, message: str, node: EntityId, now: int) -> RecordDraft:
        """Nothing could go: the level was not reached, or the minimum data set is not complete."""
        return draft_node(record=new_record(), time=now, kind=REFUSAL, message=message, node=node)

    def cancellation(self, message: str, node: EntityId, now: int) -> RecordDraft:
        """The citizen left."""
        return draft_node(record=new_record(), time=now, kind=CANCELLATION, message=message, node=node)

    def unsent(self, message: str, node: EntityId, now: int) -> RecordDraft:
        """How the login of this message ended is recorded, and its answer could not be made: nothing left."""
        return draft_node(record=new_record(), time=now, kind=UNSENT, message=message, node=node)
