"""`satosa.wsgi:app`, the cipher replaced in pysaml2 where a flow names another one than its default."""

import os

from pysaml2_idp import use_cipher

use_cipher(os.environ["FLOW"])

from satosa.wsgi import app  # noqa: E402 - SATOSA reads its configuration when it is imported

__all__ = ["app"]
