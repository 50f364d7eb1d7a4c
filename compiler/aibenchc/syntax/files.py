"""Files that a spec names: read with a bound, and only inside its folder or an explicit --include folder, links resolved."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aibenchrt.input_file import MIB, InputFileError, MissingFileError, TooLargeError, read_bytes

from aibenchc.diagnostics import Diagnostics
from aibenchc.source import SourceFile, Span

MAX_MIB = 1
MAX_TRACE_MIB = 16
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def read_source(path: Path, name: str, diagnostics: Diagnostics, span: Span | None = None, limit_mib: int = MAX_MIB) -> SourceFile | None:
    """The text of a UTF-8 file of at most limit_mib (no more is read); None after a report. `span`: where the author names it."""
    where = span or Span(SourceFile(name, ""), 0, 0)
    try:
        return _decoded(read_bytes(path, limit_mib * MIB), name, diagnostics)
    except MissingFileError:
        diagnostics.report("AIB011", where, file=f"'{name}'")
    except TooLargeError:
        diagnostics.report("AIB003", Span(SourceFile(name, ""), 0, 0), limit=limit_mib)
    except InputFileError as error:
        diagnostics.report("AIB015", where, file=f"'{name}'", reason=error)
    return None


def _bounded(data: bytes, name: str, diagnostics: Diagnostics) -> SourceFile | None:
    if len(data) <= MAX_MIB * MIB:
        return _decoded(data, name, diagnostics)
    diagnostics.report("AIB003", Span(SourceFile(name, ""), 0, 0), limit=MAX_MIB)
    return None


def _decoded(data: bytes, name: str, diagnostics: Diagnostics) -> SourceFile | None:
    try:
        source = SourceFile(name, data.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        before = SourceFile(name, data[: error.start].decode("utf-8"))
        end = len(before.text)
        diagnostics.report("AIB004", Span(before, end, end), offset=error.start)
        return None
    control = _CONTROL.search(source.text)
    if control is not None:
        character = f"U+{ord(control[0]):04X}"
        diagnostics.report("AIB005", Span(source, control.start(), control.end()), found=character)
        return None
    return source


@dataclass
class Files:
    """Opens what a spec names, beside it or in an --include folder. content: of the spec, where `spec` is only its name."""

    spec: Path
    includes: Sequence[Path]
    diagnostics: Diagnostics
    content: bytes | None = None
    _shown: dict[str, Path] = field(default_factory=dict)  # a source's name → the file itself

    def open_spec(self) -> SourceFile | None:
        self._shown[str(self.spec)] = self.spec
        if self.content is not None:
            return _bounded(self.content, str(self.spec), self.diagnostics)
        return read_source(self.spec, str(self.spec), self.diagnostics)

    def open_include(self, name: str, span: Span) -> SourceFile | None:
        """The included file; its path is relative to the file that names it, else to an --include folder."""
        return self._open(name, span, MAX_MIB)

    def open_trace(self, name: str, span: Span) -> SourceFile | None:
        """A data file, found as an included file is."""
        return self._open(name, span, MAX_TRACE_MIB)

    def _open(self, name: str, span: Span, limit_mib: int) -> SourceFile | None:
        path = self._resolve(name, span)
        if path is None:
            return None
        shown = self._name(path)
        self._shown[shown] = path
        return read_source(path, shown, self.diagnostics, span, limit_mib)

    def _resolve(self, name: str, span: Span) -> Path | None:
        beside = self._shown.get(span.source.name, self.spec).parent
        try:
            candidates = [(folder / name).resolve() for folder in (beside, *self.includes)]
            roots = [folder.resolve() for folder in (self.spec.parent, *self.includes)]
            inside = [path for path in candidates if any(path.is_relative_to(root) for root in roots)]
            if not inside:
                self.diagnostics.report("AIB012", span, file=f"'{name}'")
                return None
            existing = next((path for path in inside if path.exists()), None)
        except (OSError, ValueError, RuntimeError):
            self.diagnostics.report("AIB015", span, file=f"'{name}'", reason="this is not a valid file name")
            return None
        if existing is None:
            self.diagnostics.report("AIB011", span, file=f"'{name}'")
        return existing

    def _name(self, path: Path) -> str:
        """As the author would write it: relative to the spec's folder, never absolute."""
        for folder in (self.spec.parent, *self.includes):
            root = folder.resolve()
            if path.is_relative_to(root):
                return str(folder / path.relative_to(root))
        return path.name
