"""Whom to trust: certificates, the store that holds them, and the trust lists of all formats.

hcert-spec, chapter 4; RFC 5280. Below `signing` and `verify`, above `hcert`.

`read` reads a list of any format from bytes, `read_path` from a file or folder. A `TrustList` holds
what was kept, what was dropped and why, and `TrustStore.from_lists` makes one store of several
lists. Formats are loaded when a list is first read or written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.trust._anchors import Pin as Pin
    from coronapas.trust._anchors import Pins as Pins
    from coronapas.trust._anchors import pinned as pinned
    from coronapas.trust._certificate import Certificate as Certificate
    from coronapas.trust._certificate import Listing as Listing
    from coronapas.trust._certificate import Overrides as Overrides
    from coronapas.trust._documents import decode_kid as decode_kid
    from coronapas.trust._format import Content as Content
    from coronapas.trust._format import Document as Document
    from coronapas.trust._format import DocumentList as DocumentList
    from coronapas.trust._format import ListFormat as ListFormat
    from coronapas.trust._format import Reader as Reader
    from coronapas.trust._format import Shape as Shape
    from coronapas.trust._format import Signed as Signed
    from coronapas.trust._format import read_documents as read_documents
    from coronapas.trust._list import PARTICIPANTS as PARTICIPANTS
    from coronapas.trust._list import TEST_PARTICIPANTS as TEST_PARTICIPANTS
    from coronapas.trust._list import Circumstances as Circumstances
    from coronapas.trust._list import Dropped as Dropped
    from coronapas.trust._list import Remark as Remark
    from coronapas.trust._list import SignatureState as SignatureState
    from coronapas.trust._list import Source as Source
    from coronapas.trust._list import TrustList as TrustList
    from coronapas.trust._list import is_participant as is_participant
    from coronapas.trust._lists import FORMATS as FORMATS
    from coronapas.trust._lists.austria import read_austrian_rules as read_austrian_rules
    from coronapas.trust._lists.austria import read_austrian_value_sets as read_austrian_value_sets
    from coronapas.trust._lists.gateway import CertificateType as CertificateType
    from coronapas.trust._lists.gateway import gateway_entry as gateway_entry
    from coronapas.trust._lists.gateway import write_gateway as write_gateway
    from coronapas.trust._lists.gdhcn import GdhcnEntry as GdhcnEntry
    from coronapas.trust._lists.gdhcn import write_gdhcn as write_gdhcn
    from coronapas.trust._lists.jwks import write_jwks as write_jwks
    from coronapas.trust._lists.sweden import write_sweden as write_sweden
    from coronapas.trust._lists.verifier_service import (
        VerifierServiceResponse as VerifierServiceResponse,
    )
    from coronapas.trust._lists.verifier_service import (
        write_verifier_service as write_verifier_service,
    )
    from coronapas.trust._reading import certificates_in as certificates_in
    from coronapas.trust._reading import format_of as format_of
    from coronapas.trust._reading import format_of_path as format_of_path
    from coronapas.trust._reading import read as read
    from coronapas.trust._reading import read_file as read_file
    from coronapas.trust._reading import read_path as read_path
    from coronapas.trust._store import TrustStore as TrustStore
    from coronapas.trust._x509 import Extension as Extension
    from coronapas.trust._x509 import Material as Material
    from coronapas.trust._x509 import from_base64 as from_base64
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_anchors": "Pin Pins pinned",
            "_certificate": "Certificate Listing Overrides",
            "_documents": "decode_kid",
            "_format": (
                "Content ListFormat Reader Shape Signed Document DocumentList read_documents"
            ),
            "_list": (
                "Circumstances Dropped Remark SignatureState Source TrustList PARTICIPANTS "
                "TEST_PARTICIPANTS is_participant"
            ),
            "_lists": "FORMATS",
            "_lists.austria": "read_austrian_rules read_austrian_value_sets",
            "_lists.gateway": "CertificateType gateway_entry write_gateway",
            "_lists.gdhcn": "GdhcnEntry write_gdhcn",
            "_lists.jwks": "write_jwks",
            "_lists.sweden": "write_sweden",
            "_lists.verifier_service": "VerifierServiceResponse write_verifier_service",
            "_reading": "certificates_in format_of format_of_path read read_file read_path",
            "_store": "TrustStore",
            "_x509": "Extension Material from_base64",
        },
    )
