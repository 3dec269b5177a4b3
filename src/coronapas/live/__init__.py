"""Passes on a screen, against copies of the screen: the holder's page, and the verifier of it.

::

    shown = page("dk2", source="/token", language="da")    # one HTML file and its headers
    frame_of(issuer.dk2(holder), at=now)                   # what that file fetches, again and again
    LiveVerifier(verifier).verify(text)                    # how old is what is shown?

A picture of a QR code looks like the code. What a copy cannot do is grow younger: tokens live for a
minute, and the verifier asks how old the one before it is. Moving elements convince the eye alone,
and a screen that is relayed as it is shown passes every check but the comparison with an identity
document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.live._page import LIFE as LIFE
    from coronapas.live._page import Page as Page
    from coronapas.live._page import View as View
    from coronapas.live._page import frame_of as frame_of
    from coronapas.live._page import holder_key as holder_key
    from coronapas.live._page import page as page
    from coronapas.live._verifier import DEFAULT_WINDOW as DEFAULT_WINDOW
    from coronapas.live._verifier import PROOF_PREFIX as PROOF_PREFIX
    from coronapas.live._verifier import LiveVerification as LiveVerification
    from coronapas.live._verifier import LiveVerifier as LiveVerifier
    from coronapas.live._verifier import prove as prove
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_page": "LIFE Page View frame_of holder_key page",
            "_verifier": "DEFAULT_WINDOW LiveVerification LiveVerifier PROOF_PREFIX prove",
        },
    )
