"""A stage folder while it is being collected: pictures, journal, frontier; and how it becomes a stage."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from konomi.data.collecting.examine import Refused, examine
from konomi.data.collecting.frontier import Frontier, Item, Key, Outcome, refusal
from konomi.data.collecting.journal import Journal
from konomi.errors import FileError
from konomi.files import make_folder, sha256, whole, write_lines
from konomi.record import Record, write_stage

JOURNAL = "journal.jsonl"
REFUSED = "refused.jsonl"
PICTURES = "pictures"


class Collection:
    """What the sources hand their finds to. Everything is on the disk before the next item is asked for."""

    def __init__(self, folder: Path, journal: Journal, frontier: Frontier, report: Callable[[Frontier], None]) -> None:
        self.folder, self.journal, self.frontier, self.report = folder, journal, frontier, report
        make_folder(folder / PICTURES)

    def take(self, item: Item, data: bytes, *, final: str = "") -> None:
        """Examine the bytes of a picture; keep them under their hash, or write down why not."""
        digest = sha256(data)
        try:
            if item.sha256 not in ("", digest):
                raise Refused("wrong_hash", f"its SHA-256 is {digest}")
            extension = examine(data).extension
        except Refused as refused:
            self.refuse(item, refused, final=final, size=len(data))
            return
        file = f"{PICTURES}/{digest[:32]}.{extension}"
        if not holds(self.folder, file, len(data)):
            with whole(self.folder / file) as temporary, temporary.open("wb") as opened:
                opened.write(data)
                opened.flush()
                os.fsync(opened.fileno())  # the journal must not outlive what it names
        taken = Outcome(item.kind, item.name, item.url, file=file, sha256=digest, bytes=len(data), final=final)
        self.record(item, replace(taken, title=item.title, page=item.page))

    def refuse(self, item: Item, refused: Refused, *, final: str = "", size: int = 0) -> None:
        """Write down why an item is not taken; `size` is what was received of it."""
        self.record(item, replace(refusal(item, refused.reason, refused.detail), final=final, bytes=size))

    def record(self, item: Item, outcome: Outcome) -> None:
        """Write an outcome into the journal, with the time, and settle what can be settled."""
        outcome = replace(outcome, time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        self.journal.add(outcome)
        self.frontier.done(item, outcome)
        self.frontier.settle()
        self.report(self.frontier)

    def finish(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Write `refused.jsonl`, the manifest and `stage.json`; returns the counts.

        Pictures that were fetched ahead and not needed are deleted. A FileError if no picture was taken.
        """
        frontier = self.frontier
        settled = [(item, self._denied(item) or outcome) for item, outcome in frontier.settled]
        taken = [(item, outcome) for item, outcome in settled if outcome.sha256]
        rows = [{"url": i.url, "reason": o.reason, "detail": o.detail} for i, o in settled if o.reason]
        write_lines(self.folder / REFUSED, rows)
        first = {outcome.sha256: (item, outcome) for item, outcome in reversed(taken)}
        records = sorted((_record(item, outcome) for item, outcome in first.values()), key=lambda r: (r.source, r.file))
        reasons = dict(Counter(row["reason"] for row in rows).most_common())
        if not records:
            why = f"{self.folder / REFUSED} says why: {listed(reasons)}" if reasons else "none was found"
            raise FileError(f"no picture was taken; {why}")
        self._tidy({record.file for record in records})
        counts = {
            "pictures": len(records), "bytes": sum(o.bytes for _, o in first.values()),
            "duplicates": len(taken) - len(records), "repeated": frontier.repeated, "pages": frontier.pages,
            "refused": dict(sorted(reasons.items())), "stopped_by": frontier.stopped,
        }  # fmt: skip
        write_stage(self.folder, records, settings | {"counts": counts})
        return counts

    def _denied(self, item: Item) -> Outcome | None:
        """The refusal of a picture that was taken before a page was met that shows it and asks not to use it."""
        known = self.frontier.outcomes.get(item.key)
        if item.key not in self.frontier.denied or known is None or not known.sha256:
            return None
        denied = replace(refusal(item, "noai", "asked for by another page that shows it"), time=known.time)
        self.journal.add(denied)
        return denied

    def _tidy(self, wanted: set[str]) -> None:
        """Delete what was fetched ahead, and what a kill left half-written."""
        for path in (self.folder / PICTURES).iterdir():
            if f"{PICTURES}/{path.name}" not in wanted:
                path.unlink()


def holds(folder: Path, file: str, size: int) -> bool:
    """Whether a stage folder has a file of this size."""
    path = folder / file
    return path.is_file() and path.stat().st_size == size


def present(folder: Path, outcomes: dict[Key, Outcome]) -> dict[Key, Outcome]:
    """The outcomes whose pictures are still there; the others have to be fetched again."""
    return {key: o for key, o in outcomes.items() if not o.file or holds(folder, o.file, o.bytes)}


def listed(reasons: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in reasons.items())


def _record(item: Item, outcome: Outcome) -> Record:
    return Record(outcome.file, outcome.sha256, item.url, item.licence, outcome.time, item.year)
