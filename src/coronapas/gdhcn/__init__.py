"""WHO's claims in an EU-compatible container: the yellow booklet (-6) and health links (5).

- `read_icvp` a certificate of vaccination in any of its shapes, `judge` a dose by the International
  Health Regulations and the caller's `Catalogue`, and issue certificates with an `IcvpIssuer`;
- `read_link`, `build_link` and `judge_link` health links, `decrypt_file` what they lead to, and
  issue them as claims with a `LinkIssuer`.

`coronapas.verify` verifies both: ``Verifier(trust, accept=("icvp", "link"))``. There is no way from
an EU DCC to a certificate of vaccination or back: a DCC has no batch, the codes of the products
differ, and a DCC knows no disease but COVID-19.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.gdhcn._catalogue import COVID_19 as COVID_19
    from coronapas.gdhcn._catalogue import POLIO as POLIO
    from coronapas.gdhcn._catalogue import YELLOW_FEVER as YELLOW_FEVER
    from coronapas.gdhcn._catalogue import Catalogue as Catalogue
    from coronapas.gdhcn._catalogue import Family as Family
    from coronapas.gdhcn._catalogue import Product as Product
    from coronapas.gdhcn._catalogue import Protection as Protection
    from coronapas.gdhcn._catalogue import Reason as Reason
    from coronapas.gdhcn._catalogue import Recommendation as Recommendation
    from coronapas.gdhcn._catalogue import Validity as Validity
    from coronapas.gdhcn._catalogue import judge as judge
    from coronapas.gdhcn._icvp import ICVP_LABEL as ICVP_LABEL
    from coronapas.gdhcn._icvp import Icvp as Icvp
    from coronapas.gdhcn._icvp import Prophylaxis as Prophylaxis
    from coronapas.gdhcn._icvp import Shape as Shape
    from coronapas.gdhcn._icvp import Traveller as Traveller
    from coronapas.gdhcn._icvp import certificate_to_json as certificate_to_json
    from coronapas.gdhcn._icvp import read as read_icvp
    from coronapas.gdhcn._icvp import read_facts as read_icvp_facts
    from coronapas.gdhcn._icvp import write as write_icvp
    from coronapas.gdhcn._issuer import IcvpIssuer as IcvpIssuer
    from coronapas.gdhcn._issuer import IssuedClaim as IssuedClaim
    from coronapas.gdhcn._issuer import LinkIssuer as LinkIssuer
    from coronapas.gdhcn._issuer import PreparedClaim as PreparedClaim
    from coronapas.gdhcn._link import API_ACCESS as API_ACCESS
    from coronapas.gdhcn._link import FHIR as FHIR
    from coronapas.gdhcn._link import HEALTH_CARD as HEALTH_CARD
    from coronapas.gdhcn._link import LARGEST_FILE as LARGEST_FILE
    from coronapas.gdhcn._link import LARGEST_MANIFEST as LARGEST_MANIFEST
    from coronapas.gdhcn._link import LINK_LABEL as LINK_LABEL
    from coronapas.gdhcn._link import Link as Link
    from coronapas.gdhcn._link import LinkClaim as LinkClaim
    from coronapas.gdhcn._link import LinkFile as LinkFile
    from coronapas.gdhcn._link import LinkFinding as LinkFinding
    from coronapas.gdhcn._link import LinkKind as LinkKind
    from coronapas.gdhcn._link import Manifest as Manifest
    from coronapas.gdhcn._link import ManifestFile as ManifestFile
    from coronapas.gdhcn._link import build_link as build_link
    from coronapas.gdhcn._link import decrypt_file as decrypt_file
    from coronapas.gdhcn._link import encrypt_file as encrypt_file
    from coronapas.gdhcn._link import judge_link as judge_link
    from coronapas.gdhcn._link import read_claim as read_link_claim
    from coronapas.gdhcn._link import read_link as read_link
    from coronapas.gdhcn._link import read_manifest as read_manifest
    from coronapas.gdhcn._link import write_manifest as write_manifest

    # Names that differ from those in their modules are exported to type checkers by this alone.
    __all__ = ["read_icvp", "read_icvp_facts", "read_link_claim", "write_icvp"]
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_catalogue": (
                "COVID_19 Catalogue Family POLIO Product YELLOW_FEVER Protection Reason "
                "Recommendation Validity judge"
            ),
            "_link": (
                "API_ACCESS FHIR HEALTH_CARD LARGEST_FILE LARGEST_MANIFEST LinkFile Manifest "
                "ManifestFile decrypt_file encrypt_file read_manifest write_manifest "
                "LINK_LABEL Link LinkClaim LinkFinding LinkKind build_link judge_link "
                "read_link_claim=read_claim read_link"
            ),
            "_icvp": (
                "ICVP_LABEL Icvp Prophylaxis Shape Traveller read_icvp=read write_icvp=write "
                "certificate_to_json read_icvp_facts=read_facts"
            ),
            "_issuer": "IcvpIssuer IssuedClaim LinkIssuer PreparedClaim",
        },
    )
