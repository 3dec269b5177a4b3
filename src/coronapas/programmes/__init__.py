"""Dated national programmes: whether evidence is valid, and when the next dose is due.

A programme is data (`Programme`); two engines judge a holder's history by it and are kept apart,
as "a booster is due" and "the pass is valid" are two questions::

    programme = load("denmark")
    check(programme, history, at)       # is the evidence valid at this moment?
    timeline(programme, history)        # and at every other one
    next_dose(programme, history, on)   # which dose is next, and when?
    invitations(programme, rows, on)    # whom of a register to invite
    may_book(programme, history, groups, day)          # may this person book?
    may_give(programme, history, groups, day, product) # may they have this dose, now?
    register_dose(programme, history, product, day)    # a dose was given

`lint` finds what is unwise in a programme that loads, `diff` what changed between two days.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coronapas import _lazy

if TYPE_CHECKING:
    from coronapas.programmes._booking import Arrival as Arrival
    from coronapas.programmes._booking import ArrivalCheck as ArrivalCheck
    from coronapas.programmes._booking import Booking as Booking
    from coronapas.programmes._booking import BookingAnswer as BookingAnswer
    from coronapas.programmes._booking import CourseDates as CourseDates
    from coronapas.programmes._booking import Registration as Registration
    from coronapas.programmes._booking import SecondDose as SecondDose
    from coronapas.programmes._booking import may_book as may_book
    from coronapas.programmes._booking import may_give as may_give
    from coronapas.programmes._booking import register_dose as register_dose
    from coronapas.programmes._clock import FOREVER as FOREVER
    from coronapas.programmes._clock import YEARS as YEARS
    from coronapas.programmes._clock import Age as Age
    from coronapas.programmes._clock import Period as Period
    from coronapas.programmes._clock import Reckoning as Reckoning
    from coronapas.programmes._clock import Span as Span
    from coronapas.programmes._clock import local_day as local_day
    from coronapas.programmes._clock import midnight as midnight
    from coronapas.programmes._course import Ambiguous as Ambiguous
    from coronapas.programmes._course import DoseGiven as DoseGiven
    from coronapas.programmes._course import Events as Events
    from coronapas.programmes._course import GivenDose as GivenDose
    from coronapas.programmes._diff import Change as Change
    from coronapas.programmes._diff import diff as diff
    from coronapas.programmes._evidence import Evidence as Evidence
    from coronapas.programmes._evidence import Holding as Holding
    from coronapas.programmes._invitations import Invitation as Invitation
    from coronapas.programmes._invitations import InvitationRecord as InvitationRecord
    from coronapas.programmes._invitations import InvitationState as InvitationState
    from coronapas.programmes._invitations import Inviter as Inviter
    from coronapas.programmes._invitations import ToLookAt as ToLookAt
    from coronapas.programmes._invitations import invitations as invitations
    from coronapas.programmes._keys import Plain as Plain
    from coronapas.programmes._keys import PlainDose as PlainDose
    from coronapas.programmes._lint import Finding as Finding
    from coronapas.programmes._lint import lint as lint
    from coronapas.programmes._loader import BUNDLED as BUNDLED
    from coronapas.programmes._loader import load as load
    from coronapas.programmes._model import Access as Access
    from coronapas.programmes._model import Audience as Audience
    from coronapas.programmes._model import DatedRow as DatedRow
    from coronapas.programmes._model import DoseAfterInfection as DoseAfterInfection
    from coronapas.programmes._model import EvidenceRule as EvidenceRule
    from coronapas.programmes._model import Exemption as Exemption
    from coronapas.programmes._model import ExtraDose as ExtraDose
    from coronapas.programmes._model import LocalRequirement as LocalRequirement
    from coronapas.programmes._model import Mark as Mark
    from coronapas.programmes._model import Offer as Offer
    from coronapas.programmes._model import OtherReckoning as OtherReckoning
    from coronapas.programmes._model import PlacedRow as PlacedRow
    from coronapas.programmes._model import Policy as Policy
    from coronapas.programmes._model import Preceding as Preceding
    from coronapas.programmes._model import Product as Product
    from coronapas.programmes._model import ProductLimit as ProductLimit
    from coronapas.programmes._model import Programme as Programme
    from coronapas.programmes._model import Reading as Reading
    from coronapas.programmes._model import Readings as Readings
    from coronapas.programmes._model import Requirement as Requirement
    from coronapas.programmes._model import Revision as Revision
    from coronapas.programmes._model import Row as Row
    from coronapas.programmes._model import Schedule as Schedule
    from coronapas.programmes._model import Stage as Stage
    from coronapas.programmes._model import Suspension as Suspension
    from coronapas.programmes._model import TargetGroups as TargetGroups
    from coronapas.programmes._model import Term as Term
    from coronapas.programmes._model import Wait as Wait
    from coronapas.programmes._people import RegisterAnswer as RegisterAnswer
    from coronapas.programmes._picture import timeline_svg as timeline_svg
    from coronapas.programmes._picture import timeline_text as timeline_text
    from coronapas.programmes._plan import NextDose as NextDose
    from coronapas.programmes._plan import Status as Status
    from coronapas.programmes._plan import next_dose as next_dose
    from coronapas.programmes._reasons import Reason as Reason
    from coronapas.programmes._register import RegisterForm as RegisterForm
    from coronapas.programmes._register import RegisterRun as RegisterRun
    from coronapas.programmes._register import invite_register as invite_register
    from coronapas.programmes._timeline import EvidenceLine as EvidenceLine
    from coronapas.programmes._timeline import EvidenceSpan as EvidenceSpan
    from coronapas.programmes._timeline import Timeline as Timeline
    from coronapas.programmes._timeline import ValiditySpan as ValiditySpan
    from coronapas.programmes._timeline import timeline as timeline
    from coronapas.programmes._validity import Validity as Validity
    from coronapas.programmes._validity import check as check
    from coronapas.programmes._validity import is_valid as is_valid
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_booking": (
                "Arrival ArrivalCheck Booking BookingAnswer CourseDates Registration SecondDose "
                "may_book may_give register_dose"
            ),
            "_clock": "Age FOREVER Period Reckoning Span YEARS local_day midnight",
            "_course": "Ambiguous DoseGiven Events GivenDose",
            "_diff": "Change diff",
            "_evidence": "Evidence Holding",
            "_invitations": (
                "Invitation InvitationRecord InvitationState Inviter ToLookAt invitations"
            ),
            "_lint": "Finding lint",
            "_loader": "BUNDLED load",
            "_model": (
                "Access Audience DatedRow DoseAfterInfection EvidenceRule Exemption ExtraDose "
                "LocalRequirement Mark Offer OtherReckoning PlacedRow Policy Preceding Product "
                "ProductLimit Programme Reading Readings Requirement Revision Row Schedule Stage "
                "Suspension TargetGroups Term Wait"
            ),
            "_picture": "timeline_svg timeline_text",
            "_plan": "NextDose Status next_dose",
            "_reasons": "Reason",
            "_keys": "Plain PlainDose",
            "_people": "RegisterAnswer",
            "_register": "RegisterForm RegisterRun invite_register",
            "_timeline": "EvidenceLine EvidenceSpan Timeline ValiditySpan timeline",
            "_validity": "Validity check is_valid",
        },
    )
