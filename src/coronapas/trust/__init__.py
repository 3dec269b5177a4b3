"""Whom to trust: certificates, the store that holds them, and one module for each list format.

hcert-spec, chapter 4; RFC 5280. Below `signing` and `verifying`, above `hcert`.
"""

from __future__ import annotations

from coronapas.trust.certificate import Certificate
from coronapas.trust.store import Dropped, TrustStore

__all__ = ["Certificate", "Dropped", "TrustStore"]
