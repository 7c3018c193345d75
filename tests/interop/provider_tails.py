"""What is tried in a setting of a SAML identity provider: the tails of flows' names. A flow without one signs in."""

from tests.interop.client_stage import IT_REFUSES, WE_REFUSE

# A request of ours that it has to refuse
UNSIGNED = f"{IT_REFUSES.replace('another', 'no')}signature"
STRANGER, ELSEWHERE = f"{IT_REFUSES}key", f"{IT_REFUSES}Destination"
ADDRESS = IT_REFUSES.replace("another ", "an address that our metadata lacks")
REQUESTS = (UNSIGNED, STRANGER, ELSEWHERE, ADDRESS)
# An answer of its that we have to refuse, and the check that does
NO_SIGNATURE, OTHER_KEY = f"{WE_REFUSE}: no signature", f"{WE_REFUSE}: another key"
AUDIENCE, EXPIRED = f"{WE_REFUSE}: another audience", f"{WE_REFUSE}: expired"
OTHER, AGAIN = f"{WE_REFUSE}: the answer to another request", f"{WE_REFUSE}: the same answer again"
CHECKS = {
    NO_SIGNATURE: "signature_missing",
    OTHER_KEY: "signature",
    AUDIENCE: "audience",
    EXPIRED: "subject_confirmation_expired",
    OTHER: "in_response_to",
    AGAIN: "login_cookie",
}
# What else it is asked, and says
FORCED = "ForceAuthn"
PERSISTENT = "NameIDPolicy persistent"
LOWER = f"{WE_REFUSE}: a lower class than RequestedAuthnContext"
NO_CONTEXT = IT_REFUSES.replace("another ", "RequestedAuthnContext, with NoAuthnContext")
LANDS, LANDS_AGAIN = "an answer that nobody asked for", f"{WE_REFUSE}: an answer that nobody asked for, again"
ENDS, ENDS_SOAP = "signs out, and says so by Redirect", "signs out, and says so over SOAP"
CHAIN = "RequesterID and AuthenticatingAuthority"
AUTHORITY = f"{WE_REFUSE}: another AuthenticatingAuthority"
MORE = f"{WE_REFUSE}: one AuthenticatingAuthority more than ProxyCount"
CHECKS_OF_PROXIES = {AUTHORITY: "authority", MORE: "authority_count"}
# Of an artifact
ANOTHERS, UNKNOWN = f"{WE_REFUSE}: an artifact of another provider", f"{WE_REFUSE}: an artifact that it does not know"
USED, RESOLVED_BY = f"{WE_REFUSE}: the same artifact again", f"{IT_REFUSES}key in ArtifactResolve"
ARTIFACTS = (ANOTHERS, UNKNOWN, USED)
TAILS = (
    *(*REQUESTS, *CHECKS, *CHECKS_OF_PROXIES, *ARTIFACTS, RESOLVED_BY),
    *(FORCED, PERSISTENT, LOWER, NO_CONTEXT, CHAIN, LANDS_AGAIN, LANDS, ENDS, ENDS_SOAP),
)


def parted(name: str) -> tuple[str, str]:
    """A flow's setting, which is one program, and its tail."""
    found = next((one for one in TAILS if name.endswith(f", {one}")), "")
    return (name.removesuffix(f", {found}") if found else name), found
