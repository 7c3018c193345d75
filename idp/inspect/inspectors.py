"""The one entrance of this package: from an expectation to the inspector of its kind."""

from collections.abc import Callable
from contextlib import ExitStack

from idp.inspect.message_files import XmlInspector
from idp.inspect.messages import MessageInspector, RedirectInspector
from idp.inspect.metadata import MetadataInspector
from idp.inspect.options import MessageKind, Options, check
from idp.inspect.response_judges import response_inspector
from idp.inspect.result import Inspector
from idp.inspect.second_opinion import SecondOpinion
from idp.inspect.senders import judge_of, judges_of_queries
from idp.inspect.tokens import ClientAssertionInspector, IdTokenInspector


def inspector_of(options: Options, clock: Callable[[], int], stack: ExitStack) -> Inspector:
    """The inspector for what `options` expect, with everything prepared once.

    `clock` is for the record of a decryption alone: files are judged as of `options.now`. `stack` closes what was opened.
    Raises `BrokerError` where the options do not fit together, or something that they name cannot be used.
    """
    check(options)
    asked: XmlInspector
    match options.kind:
        case MessageKind.ID_TOKEN:
            return IdTokenInspector(options)
        case MessageKind.CLIENT_ASSERTION:
            return ClientAssertionInspector(options)
        case MessageKind.REDIRECT:
            return RedirectInspector(judges_of_queries(options, stack), options.now)
        case MessageKind.RESPONSE:
            asked = response_inspector(options, clock, stack)
        case MessageKind.METADATA:
            asked = MetadataInspector(options)
        case MessageKind.AUTHN_REQUEST | MessageKind.LOGOUT_REQUEST | MessageKind.LOGOUT_RESPONSE:
            asked = MessageInspector(judge_of(options, stack), options.now)
    return SecondOpinion(asked) if options.second_opinion else asked
