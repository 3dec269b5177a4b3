"""The network's participants, by the country codes of passes (ISO 3166-1).

A pass names its issuer by alpha-2, a list of WHO's network names the participant by alpha-3, or by
a code that the network made up. The two are compared through this table and never by their letters:
``PT`` is ``PRT``, and ``IO`` is ``IOM`` on the network and another territory in ISO.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# ISO 3166-1, all 249 entries as of 2024: alpha-2 and alpha-3 of each, without a space between them.
_ISO: Final = """
ADAND AEARE AFAFG AGATG AIAIA ALALB AMARM AOAGO AQATA ARARG ASASM ATAUT AUAUS AWABW AXALA
AZAZE BABIH BBBRB BDBGD BEBEL BFBFA BGBGR BHBHR BIBDI BJBEN BLBLM BMBMU BNBRN BOBOL BQBES
BRBRA BSBHS BTBTN BVBVT BWBWA BYBLR BZBLZ CACAN CCCCK CDCOD CFCAF CGCOG CHCHE CICIV CKCOK
CLCHL CMCMR CNCHN COCOL CRCRI CUCUB CVCPV CWCUW CXCXR CYCYP CZCZE DEDEU DJDJI DKDNK DMDMA
DODOM DZDZA ECECU EEEST EGEGY EHESH ERERI ESESP ETETH FIFIN FJFJI FKFLK FMFSM FOFRO FRFRA
GAGAB GBGBR GDGRD GEGEO GFGUF GGGGY GHGHA GIGIB GLGRL GMGMB GNGIN GPGLP GQGNQ GRGRC GSSGS
GTGTM GUGUM GWGNB GYGUY HKHKG HMHMD HNHND HRHRV HTHTI HUHUN IDIDN IEIRL ILISR IMIMN ININD
IOIOT IQIRQ IRIRN ISISL ITITA JEJEY JMJAM JOJOR JPJPN KEKEN KGKGZ KHKHM KIKIR KMCOM KNKNA
KPPRK KRKOR KWKWT KYCYM KZKAZ LALAO LBLBN LCLCA LILIE LKLKA LRLBR LSLSO LTLTU LULUX LVLVA
LYLBY MAMAR MCMCO MDMDA MEMNE MFMAF MGMDG MHMHL MKMKD MLMLI MMMMR MNMNG MOMAC MPMNP MQMTQ
MRMRT MSMSR MTMLT MUMUS MVMDV MWMWI MXMEX MYMYS MZMOZ NANAM NCNCL NENER NFNFK NGNGA NINIC
NLNLD NONOR NPNPL NRNRU NUNIU NZNZL OMOMN PAPAN PEPER PFPYF PGPNG PHPHL PKPAK PLPOL PMSPM
PNPCN PRPRI PSPSE PTPRT PWPLW PYPRY QAQAT REREU ROROU RSSRB RURUS RWRWA SASAU SBSLB SCSYC
SDSDN SESWE SGSGP SHSHN SISVN SJSJM SKSVK SLSLE SMSMR SNSEN SOSOM SRSUR SSSSD STSTP SVSLV
SXSXM SYSYR SZSWZ TCTCA TDTCD TFATF TGTGO THTHA TJTJK TKTKL TLTLS TMTKM TNTUN TOTON TRTUR
TTTTO TVTUV TWTWN TZTZA UAUKR UGUGA UMUMI USUSA UYURY UZUZB VAVAT VCVCT VEVEN VGVGB VIVIR
VNVNM VUVUT WFWLF WSWSM YEYEM YTMYT ZAZAF ZMZMB ZWZWE
"""

# Codes of the network's own, as they stand in the names of its certificates and on its lists of
# 2026-08-22; XK is Kosovo's code by custom. Most test participants are XXA for XA, and so on.
_OF_NETWORK: Final = (
    ("IO", "IOM"),
    ("WH", "WHO"),
    ("XK", "XKX"),
    ("XL", "XCL"),
    ("XM", "XML"),
)


def _table() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    iso = ((each[:2], each[2:]) for each in _ISO.split())
    tests = ((f"X{letter}", f"XX{letter}") for letter in _LETTERS)
    for first, second in (*iso, *_OF_NETWORK, *tests):
        found[first] = found.get(first, frozenset()) | {second}
    return found


PARTICIPANTS: Final[Mapping[str, frozenset[str]]] = _table()
"""The participants that each alpha-2 code may stand for. Copy and extend it for others."""

_REAL: Final = frozenset(("XK", "XKX"))

TEST_PARTICIPANTS: Final[frozenset[str]] = (
    frozenset(f"X{end}" for end in (*_LETTERS, *(a + b for a in _LETTERS for b in _LETTERS)))
    - _REAL
)
"""The participants that WHO tests with: all codes of two or three letters that begin with X.

ISO 3166-1 leaves those to its users, and no country has one but Kosovo (XK, XKX), which is not in
the set. Production lists such a participant, with keys that testers hold.
"""


def is_participant(
    issuer: str, participant: str, table: Mapping[str, frozenset[str]] = PARTICIPANTS
) -> bool:
    """Return whether the issuer that a pass names is the network's `participant`.

    `issuer` is alpha-2, as in most passes, or the participant's own code; `table` has the
    participants of each alpha-2 code.
    """
    return issuer == participant or participant in table.get(issuer, ())
