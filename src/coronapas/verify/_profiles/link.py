"""The profile of health links: claim 5 in an EU-compatible container.

1. A link is read in every form that is published (`coronapas.gdhcn`); what departs from the text
   that the specifications ask for is a deviation.
2. An address that is not one of https fails, and so does a Verifiable Health Link past the end that
   it states: both whatever is tolerated. That end of a SMART Health Link is a hint.
3. Any certificate may sign it: no key usage speaks of links.

That a link verifies says who made it, and nothing of what it leads to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coronapas._time import moment
from coronapas.errors import LinkError
from coronapas.gdhcn._link import LINK_LABEL, judge_link, read_claim
from coronapas.hcert._cwt import HCERT
from coronapas.hcert._envelope import PREFIX
from coronapas.verify._profile import Examined, Profile
from coronapas.verify._profiles.icvp import as_who_issues, extra_claims

if TYPE_CHECKING:
    from coronapas.hcert import Envelope
    from coronapas.verify._profile import Occasion

_CODES: Final = {
    "link.expired": "content.link-expired",
    "link.not-https": "content.link-address",
}


def _examine(envelope: Envelope, occasion: Occasion) -> Examined:
    envelope = as_who_issues(envelope)
    extra = tuple(extra_claims(envelope, LINK_LABEL))
    hcert = envelope.claims.hcert
    try:
        claim = read_claim(None if hcert is None else hcert.get(LINK_LABEL))
    except LinkError as error:
        sentence = f"The pass holds no link: {error.message}."
        return Examined(envelope, extra, fault=("content.no-link", sentence))
    at = moment(occasion.now)
    findings = (finding for link in claim.links for finding in judge_link(link, at))
    fault = next(
        (
            (_CODES[finding.code], finding.sentence)
            for finding in findings
            if finding.hard and finding.code in _CODES
        ),
        None,
    )
    return Examined(envelope, (*extra, *claim.deviations), kinds=(), content=claim, fault=fault)


LINK: Final = Profile(
    name="link",
    family="link",
    title="a health link",
    noun="link",
    plural="health links",
    prefix=PREFIX,
    marks=frozenset({f"{HCERT}.{LINK_LABEL}", "7"}),
    required=frozenset({f"{HCERT}.{LINK_LABEL}"}),
    examine=_examine,
    revocable=False,
    domains=frozenset(("IPS-PILGRIMAGE", "PH4H", "IPS")),
)
