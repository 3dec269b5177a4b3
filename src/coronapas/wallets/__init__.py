"""Passes as credentials of today's wallets: SD-JWT VC and mdoc, issued, presented and verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.wallets._issuers import StatusReference as StatusReference
    from coronapas.wallets._jose import jwk_of as jwk_of
    from coronapas.wallets._jose import public_key as key_of_jwk
    from coronapas.wallets._jose import thumbprint as jwk_thumbprint
    from coronapas.wallets._judging import CredentialSettings as CredentialSettings
    from coronapas.wallets._mapping import Form as Form
    from coronapas.wallets._mapping import Loss as Loss
    from coronapas.wallets._mapping import Mapped as Mapped
    from coronapas.wallets._mapping import Row as Row
    from coronapas.wallets._mapping import from_claims as from_claims
    from coronapas.wallets._mapping import from_elements as from_elements
    from coronapas.wallets._mapping import from_icvp as from_icvp
    from coronapas.wallets._mapping import losses as losses
    from coronapas.wallets._mapping import rows as rows
    from coronapas.wallets._mapping import to_claims as to_claims
    from coronapas.wallets._mapping import to_elements as to_elements
    from coronapas.wallets._mapping import to_icvp as to_icvp
    from coronapas.wallets._mdoc import MDL as MDL
    from coronapas.wallets._mdoc import MDL_PURPOSE as MDL_PURPOSE
    from coronapas.wallets._mdoc import MICOV as MICOV
    from coronapas.wallets._mdoc import IssuedMdoc as IssuedMdoc
    from coronapas.wallets._mdoc import MdocVerifier as MdocVerifier
    from coronapas.wallets._mdoc import PreparedMdoc as PreparedMdoc
    from coronapas.wallets._mdoc import issue_elements as issue_elements
    from coronapas.wallets._mdoc import issue_mdoc as issue_mdoc
    from coronapas.wallets._mdoc import prepare_mdoc as prepare_mdoc
    from coronapas.wallets._mdoc import present_mdoc as present_mdoc
    from coronapas.wallets._mdoc_structure import Session as Session
    from coronapas.wallets._mdoc_structure import elements_in as elements_in
    from coronapas.wallets._mdoc_structure import openid4vp_transcript as openid4vp_transcript
    from coronapas.wallets._mdoc_structure import read_transcript as read_transcript
    from coronapas.wallets._result import CREDENTIAL_CHECKS as CREDENTIAL_CHECKS
    from coronapas.wallets._result import Credential as Credential
    from coronapas.wallets._result import CredentialVerification as CredentialVerification
    from coronapas.wallets._result import credential_in as credential_in
    from coronapas.wallets._sd_jwt_vc import ANY_TYPE as ANY_TYPE
    from coronapas.wallets._sd_jwt_vc import DRAFT as SD_JWT_VC_DRAFT
    from coronapas.wallets._sd_jwt_vc import NEVER_HIDDEN as NEVER_HIDDEN
    from coronapas.wallets._sd_jwt_vc import TYPE as SD_JWT_TYPE
    from coronapas.wallets._sd_jwt_vc import VCT as VCT
    from coronapas.wallets._sd_jwt_vc import IssuedSdJwt as IssuedSdJwt
    from coronapas.wallets._sd_jwt_vc import KeyBinding as KeyBinding
    from coronapas.wallets._sd_jwt_vc import PreparedSdJwt as PreparedSdJwt
    from coronapas.wallets._sd_jwt_vc import SdJwtVerifier as SdJwtVerifier
    from coronapas.wallets._sd_jwt_vc import claims_in as claims_in
    from coronapas.wallets._sd_jwt_vc import issue_claims as issue_claims
    from coronapas.wallets._sd_jwt_vc import issue_sd_jwt as issue_sd_jwt
    from coronapas.wallets._sd_jwt_vc import prepare_sd_jwt as prepare_sd_jwt
    from coronapas.wallets._sd_jwt_vc import present_sd_jwt as present_sd_jwt
    from coronapas.wallets._status_list import DRAFT as STATUS_LIST_DRAFT
    from coronapas.wallets._status_list import StatusList as StatusList
    from coronapas.wallets._status_list import make_status_list as make_status_list
    from coronapas.wallets._status_list import read_status_list as read_status_list

    # Names that differ from those in their modules are exported to type checkers by this alone.
    __all__ = [
        "SD_JWT_TYPE",
        "SD_JWT_VC_DRAFT",
        "STATUS_LIST_DRAFT",
        "jwk_thumbprint",
        "key_of_jwk",
    ]
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_issuers": "StatusReference",
            "_judging": "CredentialSettings",
            "_jose": "jwk_of jwk_thumbprint=thumbprint key_of_jwk=public_key",
            "_mapping": (
                "Form Loss Mapped Row from_claims from_elements from_icvp losses rows "
                "to_claims to_elements to_icvp"
            ),
            "_mdoc": (
                "IssuedMdoc MDL MDL_PURPOSE MICOV MdocVerifier PreparedMdoc issue_elements "
                "issue_mdoc prepare_mdoc present_mdoc"
            ),
            "_mdoc_structure": "Session elements_in openid4vp_transcript read_transcript",
            "_result": "CREDENTIAL_CHECKS Credential CredentialVerification credential_in",
            "_sd_jwt_vc": (
                "ANY_TYPE IssuedSdJwt KeyBinding NEVER_HIDDEN PreparedSdJwt SD_JWT_TYPE=TYPE "
                "SD_JWT_VC_DRAFT=DRAFT SdJwtVerifier VCT claims_in issue_claims issue_sd_jwt "
                "prepare_sd_jwt present_sd_jwt"
            ),
            "_status_list": "STATUS_LIST_DRAFT=DRAFT StatusList make_status_list read_status_list",
        },
    )
