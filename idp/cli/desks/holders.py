"""How the lists of those who sign in at a desk are shown."""

from idp.store.records.passkeys import PasskeyHolder


def state_of(one: PasskeyHolder, now: int) -> str:
    """Whether somebody has a passkey, or a link that still counts to make one."""
    return "passkey" if one.credential else "has a link" if one.link_ends > now else "the link has ended"
