"""Issue, verify, decide and invite by the million: tables in, tables out (extra ``bulk``).

::

    kernel = IssueKernel("DK", (KeySource(key="dsc.key", certificate="dsc.pem"),), ...)
    run(["facts.parquet"], "campaign", kernel)      # again after a stop: it goes on
    status("campaign")

A kernel makes results and faults of one batch of rows, purely. `run` cuts the inputs into parts,
hands them to workers, and keeps a manifest: a run that was killed anywhere goes on where it was.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from coronapas import _lazy, errors

if find_spec("pyarrow") is None:  # pragma: no cover - the tests have the extra
    raise errors.MissingExtraError("bulk", "pyarrow")

if TYPE_CHECKING:
    from coronapas.bulk._campaigns import REISSUED as REISSUED
    from coronapas.bulk._campaigns import REISSUES as REISSUES
    from coronapas.bulk._campaigns import REVOCATIONS as REVOCATIONS
    from coronapas.bulk._campaigns import REVOKED as REVOKED
    from coronapas.bulk._campaigns import BatchSink as BatchSink
    from coronapas.bulk._campaigns import BatchWriter as BatchWriter
    from coronapas.bulk._campaigns import Condition as Condition
    from coronapas.bulk._campaigns import ReissueKernel as ReissueKernel
    from coronapas.bulk._campaigns import RevokeKernel as RevokeKernel
    from coronapas.bulk._campaigns import unmet_records as unmet_records
    from coronapas.bulk._columns import FACTS as FACTS
    from coronapas.bulk._columns import FAULTS as FAULTS
    from coronapas.bulk._columns import PASSES as PASSES
    from coronapas.bulk._columns import TEXTS as TEXTS
    from coronapas.bulk._columns import VERIFICATIONS as VERIFICATIONS
    from coronapas.bulk._inputs import Input as Input
    from coronapas.bulk._inputs import InputForm as InputForm
    from coronapas.bulk._inputs import Part as Part
    from coronapas.bulk._inputs import Plan as Plan
    from coronapas.bulk._inputs import plan as plan
    from coronapas.bulk._kernels import HISTORIES as HISTORIES
    from coronapas.bulk._kernels import INVITATIONS as INVITATIONS
    from coronapas.bulk._kernels import VERDICTS as VERDICTS
    from coronapas.bulk._kernels import DecideKernel as DecideKernel
    from coronapas.bulk._kernels import InviteKernel as InviteKernel
    from coronapas.bulk._kernels import IssueKernel as IssueKernel
    from coronapas.bulk._kernels import Kernel as Kernel
    from coronapas.bulk._kernels import Outcome as Outcome
    from coronapas.bulk._kernels import VerifyKernel as VerifyKernel
    from coronapas.bulk._keys import KeyServices as KeyServices
    from coronapas.bulk._keys import KeySource as KeySource
    from coronapas.bulk._keys import campaign_uvci as campaign_uvci
    from coronapas.bulk._letters import ADDRESSES as ADDRESSES
    from coronapas.bulk._letters import LETTERS as LETTERS
    from coronapas.bulk._letters import LetterFiles as LetterFiles
    from coronapas.bulk._letters import LetterSink as LetterSink
    from coronapas.bulk._letters import PrintKernel as PrintKernel
    from coronapas.bulk._manifest import Manifest as Manifest
    from coronapas.bulk._manifest import PartFile as PartFile
    from coronapas.bulk._manifest import PartRecord as PartRecord
    from coronapas.bulk._manifest import Status as Status
    from coronapas.bulk._manifest import status as status
    from coronapas.bulk._run import DEFAULT_MAX_FAULTS as DEFAULT_MAX_FAULTS
    from coronapas.bulk._run import Engine as Engine
    from coronapas.bulk._run import OutputForm as OutputForm
    from coronapas.bulk._run import PartFiles as PartFiles
    from coronapas.bulk._run import PartSink as PartSink
    from coronapas.bulk._run import PartWorker as PartWorker
    from coronapas.bulk._run import PartWriter as PartWriter
    from coronapas.bulk._run import ProcessEngine as ProcessEngine
    from coronapas.bulk._run import Progress as Progress
    from coronapas.bulk._run import RayEngine as RayEngine
    from coronapas.bulk._run import most_faults as most_faults
    from coronapas.bulk._run import run as run
    from coronapas.bulk._run import spark_function as spark_function
    from coronapas.bulk._run import spark_schema as spark_schema
else:
    __getattr__, __dir__, __all__ = _lazy.attach(
        __name__,
        {
            "_campaigns": (
                "BatchSink BatchWriter Condition REISSUED REISSUES REVOCATIONS REVOKED "
                "ReissueKernel RevokeKernel unmet_records"
            ),
            "_columns": "FACTS FAULTS PASSES TEXTS VERIFICATIONS",
            "_inputs": "Input InputForm Part Plan plan",
            "_kernels": (
                "DecideKernel HISTORIES INVITATIONS InviteKernel IssueKernel Kernel "
                "Outcome VERDICTS VerifyKernel"
            ),
            "_keys": "KeyServices KeySource campaign_uvci",
            "_letters": "ADDRESSES LETTERS LetterFiles LetterSink PrintKernel",
            "_manifest": "Manifest PartFile PartRecord Status status",
            "_run": (
                "DEFAULT_MAX_FAULTS Engine OutputForm PartFiles PartSink PartWorker PartWriter "
                "ProcessEngine Progress RayEngine most_faults run spark_function spark_schema"
            ),
        },
    )
