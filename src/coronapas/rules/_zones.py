"""The time zones of countries that have one, so that moments can be shown in local time.

Source: the IANA time zone database (zone.tab). A country is here where one zone holds for all that
its ISO 3166-1 code stands for: the Canaries, the Azores and Madeira keep Spain and Portugal out.
What decides a rule never depends on this table.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from datetime import datetime

ZONES: Final = {
    "AD": "Europe/Andorra",
    "AE": "Asia/Dubai",
    "AL": "Europe/Tirane",
    "AM": "Asia/Yerevan",
    "AT": "Europe/Vienna",
    "BA": "Europe/Sarajevo",
    "BE": "Europe/Brussels",
    "BG": "Europe/Sofia",
    "BJ": "Africa/Porto-Novo",
    "CH": "Europe/Zurich",
    "CO": "America/Bogota",
    "CV": "Atlantic/Cape_Verde",
    "CZ": "Europe/Prague",
    "DK": "Europe/Copenhagen",
    "EE": "Europe/Tallinn",
    "FI": "Europe/Helsinki",
    "FO": "Atlantic/Faroe",
    "FR": "Europe/Paris",
    "GB": "Europe/London",
    "GE": "Asia/Tbilisi",
    "GG": "Europe/Guernsey",
    "GI": "Europe/Gibraltar",
    "GR": "Europe/Athens",
    "HR": "Europe/Zagreb",
    "HU": "Europe/Budapest",
    "IE": "Europe/Dublin",
    "IL": "Asia/Jerusalem",
    "IM": "Europe/Isle_of_Man",
    "IS": "Atlantic/Reykjavik",
    "IT": "Europe/Rome",
    "JE": "Europe/Jersey",
    "LB": "Asia/Beirut",
    "LI": "Europe/Vaduz",
    "LT": "Europe/Vilnius",
    "LU": "Europe/Luxembourg",
    "LV": "Europe/Riga",
    "MA": "Africa/Casablanca",
    "MC": "Europe/Monaco",
    "MD": "Europe/Chisinau",
    "ME": "Europe/Podgorica",
    "MK": "Europe/Skopje",
    "MT": "Europe/Malta",
    "NL": "Europe/Amsterdam",
    "NO": "Europe/Oslo",
    "PA": "America/Panama",
    "PE": "America/Lima",
    "PH": "Asia/Manila",
    "PL": "Europe/Warsaw",
    "RO": "Europe/Bucharest",
    "RS": "Europe/Belgrade",
    "SC": "Indian/Mahe",
    "SE": "Europe/Stockholm",
    "SG": "Asia/Singapore",
    "SI": "Europe/Ljubljana",
    "SK": "Europe/Bratislava",
    "SM": "Europe/San_Marino",
    "SV": "America/El_Salvador",
    "TG": "Africa/Lome",
    "TH": "Asia/Bangkok",
    "TN": "Africa/Tunis",
    "TR": "Europe/Istanbul",
    "TW": "Asia/Taipei",
    "UY": "America/Montevideo",
    "VA": "Europe/Vatican",
    "ZA": "Africa/Johannesburg",
}
"""The zone by the country's ISO 3166-1 alpha-2 code. Cyprus has two in the database."""


def local(at: datetime, country: str | None) -> datetime | None:
    """Return a moment in the local time of a country; None where it has several, or none known."""
    zone = None if country is None else _zone(country)
    try:
        return None if zone is None else at.astimezone(zone)
    except OverflowError:  # the calendar's ends
        return None


@cache
def _zone(country: str) -> ZoneInfo | None:
    name = ZONES.get(country)
    try:
        return None if name is None else ZoneInfo(name)
    except ZoneInfoNotFoundError:  # a system without the database
        return None
