"""Verify a pass: a text and a trust store become what is true of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.verify._keyring import CertificateTime as CertificateTime
    from coronapas.verify._keyring import TrustPolicy as TrustPolicy
    from coronapas.verify._picture import SeenPass as SeenPass
    from coronapas.verify._picture import Sighting as Sighting
    from coronapas.verify._picture import foreign_code as foreign_code
    from coronapas.verify._profile import Examined as Examined
    from coronapas.verify._profile import Occasion as Occasion
    from coronapas.verify._profile import Profile as Profile
    from coronapas.verify._profiles import PROFILES as PROFILES
    from coronapas.verify._profiles import profile_of as profile_of
    from coronapas.verify._result import CHECKS as CHECKS
    from coronapas.verify._result import Check as Check
    from coronapas.verify._result import Detail as Detail
    from coronapas.verify._result import Outcome as Outcome
    from coronapas.verify._result import Verification as Verification
    from coronapas.verify._result import VerificationError as VerificationError
    from coronapas.verify._result import skipped as skipped
    from coronapas.verify._verifier import DEFAULT_CLOCK_SKEW as DEFAULT_CLOCK_SKEW
    from coronapas.verify._verifier import Verifier as Verifier
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_keyring": "CertificateTime TrustPolicy",
            "_result": "CHECKS Check Detail Outcome skipped Verification VerificationError",
            "_picture": "SeenPass Sighting foreign_code",
            "_profile": "Examined Occasion Profile",
            "_profiles": "PROFILES profile_of",
            "_verifier": "DEFAULT_CLOCK_SKEW Verifier",
        },
    )
