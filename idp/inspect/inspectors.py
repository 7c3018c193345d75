"""From an expectation to the inspector of its kind: the one entrance of this package, for the command and for tests."""

from collections.abc import Callable
from contextlib import ExitStack

from idp.inspect.client_assertion import ClientAssertionInspector
from idp.inspect.expecting import response_inspector
from idp.inspect.id_token import IdTokenInspector
from idp.inspect.messages import MessageInspector, RedirectInspector
from idp.inspect.metadata import MetadataInspector
from idp.inspect.opinion import Asked, SecondOpinion
from idp.inspect.options import Kind, Options, check, could_not
from idp.inspect.outcome import Inspector
from idp.inspect.senders import judge_of, judges_of_queries


def inspector_of(options: Options, clock: Callable[[], int], stack: ExitStack) -> Inspector:
    """The inspector of what `options` expect, with everything prepared once.

    `clock` is for the record of a decryption alone: files are judged as of `options.now`. `stack` closes what was opened.
    Raises `BrokerError` where the options do not fit together, or something that they name cannot be used.
    """
    check(options)
    match options.kind:
        case Kind.ID_TOKEN:
            return IdTokenInspector(options)
        case Kind.CLIENT_ASSERTION:
            return ClientAssertionInspector(options)
        case Kind.REDIRECT:
            return RedirectInspector(judges_of_queries(options, stack), options.now)
        case _:
            asked = _of_xml(options, clock, stack)
            return SecondOpinion(asked) if options.second_opinion else asked


def _of_xml(options: Options, clock: Callable[[], int], stack: ExitStack) -> Asked:
    match options.kind:
        case Kind.RESPONSE:
            return response_inspector(options, clock, stack)
        case Kind.METADATA:
            return MetadataInspector(options)
        case Kind.AUTHN_REQUEST | Kind.LOGOUT_REQUEST | Kind.LOGOUT_RESPONSE:
            return MessageInspector(judge_of(options, stack), options.now)
        case _:
            raise could_not(f"a second opinion of `--as {options.kind}` is nothing.")
