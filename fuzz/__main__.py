"""Fuzz the entry points: ``python -m fuzz [--minutes N] [--engine E] [--into DIR] [ENTRY ...]``.

The minutes are shared out evenly. Each entry runs in a process of its own, which is started again
when it dies, as long as its time lasts. What an engine calls a finding is run once more in a fresh
process without instruments: it counts if that raises, is over its bound of time or memory, or
dies. Findings are files below ``DIR/found``; the process ends with 1 if there is one.

``--keep N`` draws nothing: of what an engine found worth keeping, it adds to ``fuzz/corpus`` until
each entry has N inputs.

Engines: ``atheris`` follows which lines an input reaches; ``plain`` changes seeds at random and
works wherever Python does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pkgutil
import resource
import subprocess
import sys
import time
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fuzz.entries import Entry

ROOT: Final = Path(__file__).resolve().parent
CORPUS: Final = ROOT / "corpus"
_MIB: Final = 1024 * 1024
_ENGINES: Final = ("atheris", "plain")
ROOMS: Final = {
    "pass": ("hcert", "verify", "dcc", "tolerances"),
    "message": ("hcert", "verify"),
    "claims": ("hcert", "verify", "dcc", "denmark", "gdhcn"),
    "domestic": ("denmark",),
    "live": ("live", "denmark"),
    "trust-list": ("trust", "_asn1"),
    "trust-store": ("trust",),
    "certificate": ("trust", "_asn1"),
    "revocation-list": ("revocation",),
    "revocation-store": ("revocation",),
    "value-sets": ("dcc", "_json"),
    "certlogic": ("certlogic",),
    "rule": ("rules",),
    "programme": ("programmes", "_json"),
    "history": ("facts", "programmes"),
    "records": ("facts",),
    "link": ("gdhcn",),
    "link-file": ("gdhcn",),
    "manifest": ("gdhcn",),
    "icvp-facts": ("gdhcn",),
    "sd-jwt": ("wallets",),
    "mdoc": ("wallets",),
    "picture": ("presentation",),
    "vector": ("conformance",),
    "uvci": ("dcc",),
}
"""The rooms whose lines atheris watches, for each entry."""

_DICTIONARY: Final = (
    *(
        b"\x00",
        b"\xff",
        b"\x9f",
        b"\xbf",
        b"\xf6",
        b"\xd2",
        b"\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00",
    ),
    *(
        b"null",
        b"true",
        b"1e999",
        b"-0",
        b"NaN",
        b"{}",
        b"[]",
        b'""',
        b"\xed\xa0\x80",
        b"\xcc\x81" * 40,
    ),
    *(b"9999-12-31", b"0001-01-01", b"~", b".", b"#", b"HC1:", b"DK3:", b"-260"),
    *(b"[" * 200, b"\x81" * 200),
)


def main() -> int:
    """Read the command line, run, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("entries", nargs="*", help="the entries to run; by default all")
    parser.add_argument("--minutes", type=float, default=5.0, help="for all entries together")
    parser.add_argument("--engine", choices=_ENGINES, default=_best_engine())
    parser.add_argument("--into", type=Path, default=Path(".fuzz"), help="corpus and findings")
    parser.add_argument("--seed", type=int, default=0, help="of the plain engine")
    parser.add_argument("--keep", type=int, metavar="N", help="add to the corpus, and run nothing")
    parser.add_argument("--list", action="store_true", help="name the entries")
    parser.add_argument("--worker", choices=(*_ENGINES, "replay"), help=argparse.SUPPRESS)
    parser.add_argument("--input", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker == "replay":
        return _replay(given.entries[0], given.input)
    if given.worker:
        return _work(given)
    from fuzz.entries import ENTRIES

    names = [entry.name for entry in ENTRIES]
    if given.list:
        print("\n".join(names))
        return 0
    if unknown := sorted(set(given.entries) - set(names)):
        parser.error(f"there is no entry {', '.join(unknown)}; there are {', '.join(names)}")
    chosen = given.entries or names
    if given.keep is not None:
        return _keep([entry for entry in ENTRIES if entry.name in chosen], given.keep, given.into)
    seconds = given.minutes * 60 / len(chosen)
    found = []
    for name in chosen:
        found += _fuzz(name, seconds, given)
    print(
        f"{len(chosen)} entries, {given.minutes:g} minutes, {given.engine}: {len(found)} findings"
    )
    for path, reason in found:
        print(f"  {path}: {reason}")
    return 1 if found else 0


def _keep(entries: list[Entry], number: int, into: Path) -> int:
    from fuzz.keeping import keep

    for entry in entries:
        name = entry.name
        count = keep(entry, ROOMS[name], number, into / "work" / name, CORPUS / name)
        print(f"{name:18}{count:>4} inputs added", flush=True)
    return 0


def _best_engine() -> str:
    return "atheris" if find_spec("atheris") else "plain"


def _fuzz(name: str, seconds: float, given: argparse.Namespace) -> list[tuple[Path, str]]:
    """Run one entry for its time; return what holds as a finding."""
    work = given.into / "work" / name
    suspects = given.into / "suspects" / name
    for folder in (work, suspects):
        folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "fuzz", name, "--worker", given.engine, "--into", given.into]
    end = time.monotonic() + seconds
    rounds = runs = 0
    while (left := end - time.monotonic()) > 1 or not rounds:
        more = ["--minutes", str(max(left, 1) / 60), "--seed", str(given.seed + rounds)]
        log = given.into / f"{name}.log"
        with log.open("wb") as out:
            subprocess.run([*map(str, command), *more], stdout=out, stderr=out, check=False)
        runs += _runs(log)
        rounds += 1
        if rounds >= 50:
            break
    found = []
    for path in sorted(suspects.iterdir()):
        if reason := _judged(name, path):
            kept = given.into / "found" / name / path.name
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(path.read_bytes())
            found.append((kept, reason))
        path.unlink()
    print(f"{name:18}{runs:>10,} inputs  {len(found)} findings", flush=True)
    return found


def _runs(log: Path) -> int:
    """Return how many inputs a worker says that it ran."""
    for line in reversed(log.read_text("utf-8", "replace").splitlines()):
        words = line.split()
        if "Done" in words[:1]:  # libFuzzer: "Done 1234 runs in 5 second(s)"
            return int(words[1])
        if words[:1] and words[0].startswith("#") and words[0][1:].isdigit():
            return int(words[0][1:])
    return 0


def _judged(name: str, path: Path) -> str:
    """Run one input without instruments; return what is wrong, or nothing."""
    command = [sys.executable, "-m", "fuzz", name, "--worker", "replay", "--input", str(path)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return "takes more than two minutes"
    with suppress(ValueError, IndexError):
        return str(json.loads(run.stdout.splitlines()[-1])["reason"])
    return f"the process died with {run.returncode}"


def _replay(name: str, path: Path) -> int:
    """Run one input; say as JSON what is wrong, or an empty reason."""
    from fuzz.entries import ENTRIES, MEMORY

    entry = next(entry for entry in ENTRIES if entry.name == name)
    for seed in entry.seeds():  # what is loaded and computed once is not the input's cost
        entry.run(seed)
        break
    data = path.read_bytes()
    begun = time.process_time()
    reason = ""
    try:
        entry.run(data)
    except Exception as error:
        reason = _place(error)
    spent = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if not reason and spent > entry.seconds:
        reason = f"{spent:.1f} s of processor time, {entry.seconds:g} are allowed"
    if not reason and peak > MEMORY:
        reason = f"{peak // _MIB} MiB of memory, {MEMORY // _MIB} are allowed"
    print(json.dumps({"reason": reason}))
    return 0


def _place(error: Exception) -> str:
    """Return what was raised where; never the text, which may quote the input."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else "?"
    return f"{type(error).__name__} at {where}"


def _work(given: argparse.Namespace) -> int:
    name = given.entries[0]
    if given.worker == "atheris":
        return _atheris(name, given)
    from fuzz.entries import ENTRIES

    entry = next(entry for entry in ENTRIES if entry.name == name)
    random = Random(f"{name} {given.seed}")
    seeds = list(dict.fromkeys([*entry.seeds(), *_kept(name)])) or [b""]
    end = time.monotonic() + given.minutes * 60
    count = 0
    kinds = set()
    while time.monotonic() < end:
        data = seeds[count] if count < len(seeds) else _changed(random, seeds)[: entry.longest]
        begun = time.process_time()
        kind = ""
        try:
            entry.run(data)
        except Exception as error:
            kind = _place(error)
        if time.process_time() - begun > entry.seconds:
            kind = "slow"
        if kind and kind not in kinds:
            kinds.add(kind)
            _suspect(given.into, name, data)
        count += 1
    print(f"Done {count} runs")
    return 0


def _changed(random: Random, seeds: list[bytes]) -> bytes:
    """Change a seed in some places: bytes, bits, runs, words of the dictionary, other seeds."""
    data = bytearray(random.choice(seeds))
    for _ in range(1 + int(random.expovariate(0.5))):
        place = random.randrange(len(data) + 1)
        length = int(random.expovariate(0.2))
        match random.randrange(7):
            case 0 if data:
                data[place % len(data)] ^= 1 << random.randrange(8)
            case 1 if data:
                data[place % len(data)] = random.randrange(256)
            case 2:
                data[place:place] = random.choice(_DICTIONARY)
            case 3:
                del data[place : place + length + 1]
            case 4:
                data[place:place] = bytes(data[place : place + length]) * random.choice((1, 2, 50))
            case 5:
                other = random.choice(seeds)
                begin = random.randrange(len(other) + 1)
                data[place : place + length] = other[begin : begin + 2 * length]
            case _:
                data[place:place] = random.randbytes(length)
    return bytes(data)


def _kept(name: str) -> list[bytes]:
    folder = CORPUS / name
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []


def _suspect(into: Path, name: str, data: bytes) -> None:
    path = into / "suspects" / name / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)


def _atheris(name: str, given: argparse.Namespace) -> int:
    import atheris

    # The doors load their modules late: those of the entry's rooms are loaded, and instrumented,
    # before anything else asks for them.
    names = [f"coronapas.{room}" for room in ROOMS[name]]
    with atheris.instrument_imports(include=names):
        for door in names:
            path = getattr(import_module(door), "__path__", ())
            for module in pkgutil.walk_packages(path, f"{door}."):
                import_module(module.name)
    from fuzz.entries import ENTRIES

    entry = next(entry for entry in ENTRIES if entry.name == name)
    work = given.into / "work" / name
    for data in (*entry.seeds(), *_kept(name)):
        (work / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    seconds = max(1, int(given.minutes * 60))
    flags = [
        f"-max_total_time={seconds}",
        f"-max_len={entry.longest}",
        f"-timeout={int(entry.seconds * 10)}",
        f"-artifact_prefix={given.into / 'suspects' / name}{os.sep}",
        "-rss_limit_mb=2000",
        "-report_slow_units=5",
        "-print_final_stats=0",
        "-reload=0",
    ]
    atheris.Setup([sys.argv[0], *flags, str(work)], entry.run)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
