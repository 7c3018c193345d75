"""lasso as both sides of SAML, spoken to by lines of JSON. Debian's Python runs it, for lasso is no package of PyPI.

FOLDER  a folder with its key and certificate (theirs.key, theirs.crt) and all metadata (idp-ours.xml, sp-theirs.xml, ...)
"""

import json
import os
import sys
from pathlib import Path
from typing import Any  # lasso has no types

import lasso  # type: ignore[import-not-found,unused-ignore] # of Debian's Python alone

FOLDER = Path(os.environ["FOLDER"])
SUBJECT, SESSION, RELAY_STATE = (os.environ[name] for name in ("SUBJECT", "SESSION", "RELAY_STATE"))
PERSISTENT = lasso.SAML2_NAME_IDENTIFIER_FORMAT_PERSISTENT
METHODS = {"redirect": lasso.HTTP_METHOD_REDIRECT, "post": lasso.HTTP_METHOD_POST}
HINTS = {
    "response": (lasso.PROFILE_SIGNATURE_HINT_FORCE, False),
    "both": (lasso.PROFILE_SIGNATURE_HINT_FORCE, True),
    "assertion": (lasso.PROFILE_SIGNATURE_HINT_FORBID, True),
}
AUTHENTICATED_AND_CONSENTED = (True, True)
Message = dict[str, Any]


def server(own: str, other: str, role: int) -> Any:
    """A party with our peer's key, and the other party that it knows by metadata."""
    texts = {name: (FOLDER / f"{name}.xml").read_text(encoding="utf-8") for name in (own, other)}
    key, certificate = ((FOLDER / f"theirs.{ending}").read_text(encoding="ascii") for ending in ("key", "crt"))
    made = lasso.Server.newFromBuffers(texts[own], key, None, certificate)
    made.addProviderFromBuffer(role, texts[other], None, None)
    made.signatureMethod = lasso.SIGNATURE_METHOD_RSA_SHA256
    return made


IDP = server("idp-theirs", "sp-ours", lasso.PROVIDER_ROLE_SP)
STRICT = server("idp-theirs", "sp-ours-signed", lasso.PROVIDER_ROLE_SP)
SP = server("sp-theirs", "idp-ours", lasso.PROVIDER_ROLE_IDP)
ENTITIES = {"idp": os.environ["IDP"], "sp": os.environ["SP"]}


def received(message: Message) -> str:
    return str(message["query"]) if message["binding"] == "redirect" else str(next(iter(message["fields"].values())))


def sent(profile: Any, binding: str, parameter: str) -> Message:
    if binding == "redirect":
        return {"binding": binding, "query": profile.msgUrl.partition("?")[2]}
    return {"binding": binding, "fields": {parameter: profile.msgBody}}


def signed_in(login: Any, question: Message) -> None:
    """The subject signs in at our identity provider."""
    login.validateRequestMsg(*AUTHENTICATED_AND_CONSENTED)
    login.buildAssertion(question["level"], question["now"], None, question["now"], question["until"])
    subject, authentication = login.assertion.subject, login.assertion.authnStatement[0]
    subject.nameId.content, subject.nameId.format = SUBJECT, PERSISTENT
    subject.nameId.nameQualifier = subject.nameId.spNameQualifier = None
    subject.subjectConfirmation.subjectConfirmationData.notOnOrAfter = question["until"]
    authentication.authnContext.authnContextClassRef, authentication.sessionIndex = question["level"], SESSION


def answer(question: Message) -> Message:
    hint, assertion = HINTS[question["signed_at"]]
    sender = STRICT if assertion else IDP
    receiver = sender.getProvider(ENTITIES["sp"])
    receiver.setEncryptionSymKeyType(lasso.ENCRYPTION_SYM_KEY_TYPE_AES_256)
    receiver.setKeyEncryptionMethod(lasso.KEY_ENCRYPTION_METHOD_OAEP)
    receiver.setEncryptionMode(lasso.ENCRYPTION_MODE_ASSERTION if question["encrypted"] else lasso.ENCRYPTION_MODE_NONE)
    login = lasso.Login(sender)
    login.setSignatureHint(hint)
    login.processAuthnRequestMsg(received(question["request"]))
    signed_in(login, question)
    login.buildAuthnResponseMsg()
    return sent(login, "post", "SAMLResponse")


class Asking:
    """The last question of the service provider."""

    login: Any = None
    logout: Any = None


def ask(question: Message) -> Message:
    login = Asking.login = lasso.Login(SP)
    login.initAuthnRequest(ENTITIES["idp"], METHODS[question["binding"]])
    login.request.nameIdPolicy.format = PERSISTENT
    login.request.nameIdPolicy.allowCreate = True
    login.request.protocolBinding = lasso.SAML2_METADATA_BINDING_POST
    login.msgRelayState = RELAY_STATE
    login.buildAuthnRequestMsg()
    return sent(login, question["binding"], "SAMLRequest")


def hear(question: Message) -> Message:
    Asking.login.processAuthnResponseMsg(received(question["answer"]))
    Asking.login.acceptSso()
    return {"said": Asking.login.nameIdentifier.content}


def session(question: Message) -> str:
    """The dump of a session in which the subject signed in at our service provider."""
    login = lasso.Login(IDP)
    login.initIdpInitiatedAuthnRequest(ENTITIES["sp"])
    login.processAuthnRequestMsg(None)
    signed_in(login, question)
    login.buildAuthnResponseMsg()
    return str(login.session.dump())


def begin_logout(question: Message) -> Message:
    logout = Asking.logout = lasso.Logout(IDP)
    logout.setSessionFromDump(session(question))
    logout.initRequest(ENTITIES["sp"], METHODS[question["binding"]])
    logout.request.notOnOrAfter = question["until"]
    logout.msgRelayState = RELAY_STATE
    logout.buildRequestMsg()
    return sent(logout, question["binding"], "SAMLRequest")


def hear_logout(question: Message) -> Message:
    Asking.logout.processResponseMsg(received(question["answer"]))
    return {"said": Asking.logout.response.inResponseTo}


def end_logout(question: Message) -> Message:
    logout = lasso.Logout(IDP)
    logout.setSessionFromDump(session(question))
    logout.processRequestMsg(received(question["request"]))
    logout.validateRequest()
    logout.buildResponseMsg()
    return sent(logout, question["request"]["binding"], "SAMLResponse")


TASKS = {task.__name__: task for task in (answer, ask, hear, begin_logout, hear_logout, end_logout)}

if __name__ == "__main__":
    for line in sys.stdin:
        question = json.loads(line)
        try:
            said = TASKS[question["do"]](question)
        except lasso.Error as error:
            said = {"refused": str(error)}
        print(json.dumps(said), flush=True)
