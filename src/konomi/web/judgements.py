"""The label file in memory: every judgement that it holds about the faces of one stage, and new ones appended."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import RLock

from konomi.data.tagging.labels import VALUES, Label, append_labels, read_judgements
from konomi.errors import FileError, InputError, shorten, unknown_name
from konomi.schema import Attribute
from konomi.web.faces import Face, Faces
from konomi.web.marks import NOTHING, Marks, answer, judged, marked, rows_back

REMEMBERED = 4096  # requests whose repetition does nothing


@dataclass(frozen=True)
class Action:
    """Something that was done at once, and can be undone at once."""

    before: dict[tuple[int, str], Marks] = field(default_factory=dict)  # by face number and attribute it touched
    rows: int = 0

    @property
    def faces(self) -> list[int]:
        return list(dict.fromkeys(number for number, _ in self.before))


class Judgements:
    """What has been judged of each face. The label file is the truth: a changed one is read again."""

    def __init__(self, path: Path, faces: Faces) -> None:
        self.path, self.faces, self.schema = path, faces, faces.schema
        self._attributes = {a.name: a for a in faces.schema.attributes}
        self._lock = RLock()
        self._done: list[Action] = []
        self._answered: OrderedDict[str, Action] = OrderedDict()
        self._read_as: tuple[int, int] | None = None
        self._marks: dict[int, dict[str, Marks]] = {}
        self._names: dict[int, str] = {}
        if not path.parent.is_dir():
            raise FileError(f"cannot keep labels in {path}: make the folder {path.parent} first")
        self.refresh()

    # --- reading ---

    def refresh(self) -> None:
        """Read the label file if it is not as we left it."""
        with self._lock:
            if (found := self._state()) == self._read_as:
                return
            labels = read_judgements([self.path], self.schema) if found else []
            self._marks, self._names = {}, {}
            self._take(labels)
            self._read_as = found

    def marks(self, face: Face, attribute: Attribute) -> Marks:
        return self._marks.get(face.number, {}).get(attribute.name, NOTHING)

    def progress(self, face: Face) -> int:
        """0 if nothing of the face has been judged, 1 if something, 2 if every attribute."""
        count = sum(judged(marks) for marks in self._marks.get(face.number, {}).values())
        return (count > 0) + (count == len(self._attributes))

    # --- writing ---

    def judge(self, request: str, wanted: Iterable[Label]) -> Action:
        """Append what is new among `wanted`; the same request again, or what was judged already, adds no row."""
        with self._lock:
            if request in self._answered:
                return self._answered[request]
            self.refresh()
            labels = self._new(self._checked(wanted))
            action = self._append(labels)
            if labels:
                self._done.append(action)
            return self._remember(request, action)

    def undo(self, request: str) -> Action:
        """Bring back what was before the last action of this run, by new rows; an empty action if there is none."""
        with self._lock:
            if request in self._answered:
                return self._answered[request]
            if not self._done:
                return self._remember(request, Action())
            self.refresh()
            rows = [
                row
                for (number, name), before in self._done[-1].before.items()
                for row in rows_back(self._name(self.faces[number]), self._attributes[name], before)
            ]
            action = self._append(rows)
            self._done.pop()  # only now: rows that could not be written can be asked for again
            return self._remember(request, action)

    # --- inside ---

    def _checked(self, wanted: Iterable[Label]) -> list[Label]:
        known = {*self.schema.slots, *self._attributes}
        labels = []
        for label in wanted:
            if (face := self.faces.find(label.file)) is None:
                raise InputError(
                    f"{self.faces.folder} has no picture called {shorten(label.file)!r}; load the page again"
                )
            if label.tag not in known:
                raise InputError(unknown_name("tag", label.tag, sorted(known)))
            allowed = VALUES if label.tag in self.schema.slots else ["unsure"]  # of a whole choice
            if label.value not in allowed:
                raise InputError(f"{label.tag}: {shorten(label.value)!r} is not one of {', '.join(allowed)}")
            labels.append(replace(label, file=self._name(face)))
        return labels

    def _new(self, labels: Iterable[Label]) -> list[Label]:
        """Those that say something else than what is judged after the ones before them."""
        after: dict[tuple[str, str], Marks] = {}
        new = []
        for label in labels:
            face, attribute = self._about(label)
            marks = after.get((label.file, attribute.name), self.marks(face, attribute))
            if answer(marks, attribute, label.tag) != label.value:
                after[label.file, attribute.name] = marked(marks, attribute, label)
                new.append(label)
        return new

    def _append(self, labels: Sequence[Label]) -> Action:
        before: dict[tuple[int, str], Marks] = {}
        for label in labels:
            face, attribute = self._about(label)
            before.setdefault((face.number, attribute.name), self.marks(face, attribute))
        if labels:
            self._write(labels)
            self._take(labels)
            self._read_as = self._state()
        return Action(before, len(labels))

    def _write(self, labels: Sequence[Label]) -> None:
        try:
            append_labels(self.path, labels)
        except FileError:
            self._read_as = None
            raise

    def _take(self, labels: Iterable[Label]) -> None:
        for label in labels:
            if self.faces.find(label.file) is not None:  # a label file may know other pictures, too
                face, attribute = self._about(label)
                self._marks.setdefault(face.number, {})[attribute.name] = marked(
                    self.marks(face, attribute), attribute, label
                )
                self._names[face.number] = label.file

    def _about(self, label: Label) -> tuple[Face, Attribute]:
        face = self.faces.find(label.file)
        assert face is not None  # _checked and _take ask first
        return face, self._attributes[label.tag.split(".")[0]]

    def _name(self, face: Face) -> str:
        """What the label file calls the face, so that a later row means the same picture."""
        return self._names.get(face.number, face.name)

    def _remember(self, request: str, action: Action) -> Action:
        self._answered[request] = action
        if len(self._answered) > REMEMBERED:
            self._answered.popitem(last=False)
        return action

    def _state(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileError(f"cannot read {self.path}: {error.strerror}") from error
        return found.st_size, found.st_mtime_ns
