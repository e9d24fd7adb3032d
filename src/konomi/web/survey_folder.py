"""A survey's folder: its pictures as a stage, and `survey.json`, which names the study and where its answers are."""

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from konomi import __version__, api
from konomi.data.tagging.tag import read_pictures
from konomi.errors import FileError, InputError, shorten
from konomi.files import file_sha256, make_folder, read_json, sha256, whole, write_bytes, write_json
from konomi.images import read, resize
from konomi.models import find_model
from konomi.record import Record, schema_of_stage, write_stage
from konomi.schema import load_schema
from konomi.taste.study import Pictures, Settled, check_pictures, read_study_file, settle
from konomi.web.store import Kept, Store
from konomi.web.survey_seen import write_seen

SURVEY, DATABASE, SHOWN, FORMAT = "survey.json", "survey.sqlite", "shown", 1
SIDE = 512  # pixels; smaller square pictures are shown enlarged to this


@dataclass(frozen=True)
class Survey:
    """A survey that can be served: its folder, its study as kept, and the database."""

    folder: Path
    store: Store
    kept: Kept

    @property
    def settled(self) -> Settled:
        return self.kept.settled

    def again(self) -> "Survey":
        """As it is now: it may have been closed meanwhile."""
        return replace(self, kept=replace(self.kept, closed=self.store.is_closed(self.kept.id)))


def make_survey(study_file: Path, folder: Path, *, database: str, now: int) -> Survey:
    """Collect a study's pictures into `folder` and keep the study; survey.json comes last."""
    if (folder / SURVEY).exists():
        raise InputError(f"{folder} holds a survey already; choose another folder")
    settled = settle(read_study_file(study_file), study_file.parent)
    found = _found(settled.study.pictures, study_file.parent)
    check_pictures(settled.study, len(found) + settled.study.pictures.count)
    make_folder(folder / "pictures")
    records = [*_copied(found, folder), *_drawn(settled.study.pictures, study_file.parent, folder)]
    _check_names(records)
    schema = load_schema("anime")
    told = {"stage": "survey", "version": __version__, "schema": schema.name, "schema_hash": schema.hash}
    for record in records:
        _as_shown(folder, record.file, record.sha256)
    write_stage(folder, records, told)
    if settled.study.picks.pictures:
        write_seen(folder, records)
    store = Store(database or default_database(folder))
    try:
        store.add_study(settled, [(record.file, record.sha256) for record in records], now=now)
        write_json(folder / SURVEY, {"format": FORMAT, "study": settled.study.name, "hash": settled.study.hash})
        return Survey(folder, store, store.study(settled.study.name))
    except BaseException:
        store.close()
        raise


def open_survey(folder: Path, *, database: str) -> Survey:
    """A survey that was made before; a FileError if its folder or its database is another's."""
    if not (folder / SURVEY).is_file():
        raise FileError(f"{folder} has no {SURVEY}: konomi survey new makes one")
    facts = read_json(folder / SURVEY)
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise FileError(f"{folder / SURVEY} is of another version of Konomi")
    if not database and not (folder / DATABASE).is_file():
        raise FileError(f"{folder} has no {DATABASE}; say where the answers are with --database")
    store = Store(database or default_database(folder))
    try:
        kept = store.study(facts.get("study", ""))
        if kept.settled.study.hash != facts.get("hash"):
            raise FileError(f"the database holds another study {kept.settled.study.name!r} than {folder}")
    except BaseException:
        store.close()
        raise
    return Survey(folder, store, kept)


def default_database(folder: Path) -> str:
    return f"sqlite:///{folder.absolute() / DATABASE}"


def check_files(survey: Survey) -> None:
    """A FileError if a picture is missing or is not the one that the study was made with."""
    for file, digest in survey.kept.pictures:
        path = survey.folder / file
        if file_sha256(path) != digest:
            raise FileError(f"{path} is not the picture that the study was made with")


def as_shown(survey: Survey, number: int) -> bytes:
    """One picture as people see it: PNG without whatever its file says of it, enlarged by Lanczos if it is small.

    It is made once, and kept in `shown`.
    """
    return _as_shown(survey.folder, *survey.kept.pictures[number])


@lru_cache(maxsize=256)
def _as_shown(folder: Path, file: str, digest: str) -> bytes:
    kept = folder / SHOWN / f"{digest}.png"
    if not kept.is_file():
        make_folder(kept.parent)
        write_bytes(kept, _enlarged(folder / file))
    return kept.read_bytes()


def _enlarged(path: Path) -> bytes:
    picture = read(path)
    if picture.width == picture.height and picture.width < SIDE:
        picture = resize(picture, SIDE)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _found(pictures: Pictures, beside: Path) -> list[tuple[Path, Record]]:
    """The pictures of the study's folder: their files and records."""
    if not pictures.folder:
        return []
    folder = beside / pictures.folder
    schema = schema_of_stage(folder)
    records = read_pictures(folder, schema)
    if schema.name != "anime":  # the survey's folder is a stage of that schema
        records = [replace(record, tags={}) for record in records]
    for record in records:
        if not (folder / record.file).is_file():
            raise FileError(f"{folder} names a picture that is not there: {record.file}")
        read(folder / record.file)  # a picture that cannot be read is found now
    return [(folder / record.file, record) for record in records]


def _copied(found: list[tuple[Path, Record]], folder: Path) -> Iterator[Record]:
    for path, record in found:
        file = f"pictures/{PurePosixPath(record.file).name}"
        if (folder / file).exists() and file_sha256(folder / file) != file_sha256(path):
            raise FileError(f"two pictures are called {PurePosixPath(file).name}; answers go by name")
        with whole(folder / file) as temporary:
            shutil.copyfile(path, temporary)
        yield replace(record, file=file, sha256=file_sha256(path), source=record.source or record.file)


def _drawn(pictures: Pictures, beside: Path, folder: Path) -> Iterator[Record]:
    if not pictures.model:
        return
    own_file = pictures.model.endswith(".onnx")
    model: Any = str(beside / pictures.model) if own_file else pictures.model
    name = Path(pictures.model).stem if own_file else find_model(pictures.model).name
    for number in range(pictures.count):
        (avatar,) = api.draw(pictures.text, seed=pictures.seed + number, model=model)
        if avatar.unused:
            raise InputError(f"pictures, text: {shorten(', '.join(avatar.unused))} is not understood")
        data, file = avatar.encoded("png"), f"pictures/{name}-{avatar.seed}.png"
        write_bytes(folder / file, data)
        yield Record(file, sha256(data), source=f"{name} {avatar.code}", licence=avatar.recipe.licence)


def _check_names(records: list[Record]) -> None:
    seen: dict[str, str] = {}
    for record in records:
        if (other := seen.setdefault(PurePosixPath(record.file).stem, record.file)) != record.file or (
            sum(r.file == record.file for r in records) > 1
        ):
            raise FileError(f"{other} and {record.file} have one name, and answers go by name")
