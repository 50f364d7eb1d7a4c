"""Debian's package descriptions in two languages, fetched by apt: pairs of a translated text and its English original.

    apt-get update (separate lists, Acquire::Languages) ──▶ signed index ──▶ Translation-en, Translation-<language> ──▶ descriptions

apt checks the index's signature, and every file's hash against the index; the sources, mirrors and keys are those of this machine. Nothing
is installed. Unlike a package version, these texts change: what was fetched is one *snapshot*, kept under home()/downloads and named by its
hash. A snapshot other than the recorded one is intact and usable but of another version ("upstream changed"), so that figures are not
comparable; a file that differs from what was fetched is corrupted.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aibenchrt.datasets.sources.fetch import write_atomically
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import disk_guard, home, locked
from aibenchrt.progress import Progress, silent

LICENCE = "each package's own licence (all free by Debian's guidelines): fetched on each machine, never redistributed"
ORIGINAL = "en"
_HELPER = "/usr/lib/apt/apt-helper"

# Of Debian 12 (bookworm) main, on the day on which the figures in the READMEs were measured.
RECORDED: Mapping[str, str] = {"fr": "e7e0579d12351598577e3fde063cddb1d924696e522251b9d9702226f2ebfcf4"}


@dataclass(frozen=True)
class Description:
    """One package description. translated, english: the synopsis, then the paragraphs, each as one line."""

    translated: tuple[str, ...]
    english: tuple[str, ...]


@dataclass(frozen=True)
class Snapshot:
    """descriptions: in order of the md5 of the English text. sha256: of all of them. recorded: the hash of the snapshot that figures were
    measured on."""

    language: str
    sha256: str
    recorded: str
    descriptions: tuple[Description, ...]

    @property
    def changed(self) -> bool:
        return self.sha256 != self.recorded

    @property
    def said(self) -> str:
        """The name of this snapshot, for provenance."""
        if not self.changed:
            return f"snapshot {self.sha256[:12]}, as recorded"
        return (
            f"snapshot {self.sha256[:12]}: upstream changed since {self.recorded[:12]}, qualities are not comparable with the recorded ones"
        )


def load_descriptions(language: str, progress: Progress = silent) -> Snapshot:
    """Every description that exists both in `language` ("fr") and in English, fetched once and stored.

    Raises EnvironmentFailure: AIB604 corrupted, AIB605 disk full, AIB610 not available.
    """
    folder = home() / "downloads" / f"apt-texts-{language}"
    with disk_guard(folder), locked(folder.with_name(f"{folder.name}.lock")):
        content = _kept(folder)
        if content is None:
            progress(f"fetching package descriptions in {ORIGINAL} and {language}", 0.0)
            content = _document(_fetch(language))
            write_atomically(folder / "descriptions.json", content)
            write_atomically(folder / "sha256", hashlib.sha256(content).hexdigest().encode())
    snapshot = _snapshot(language, content)
    progress(f"package descriptions in {language}: {snapshot.said}", 1.0)
    return snapshot


def _kept(folder: Path) -> bytes | None:
    """What was fetched before, or None. The hash is written after the file, so if there is one, the file was complete."""
    if not (folder / "sha256").is_file() or not (folder / "descriptions.json").is_file():
        return None
    content = (folder / "descriptions.json").read_bytes()
    if hashlib.sha256(content).hexdigest() != (folder / "sha256").read_text():
        raise _corrupted("the kept package descriptions", f"Remove '{folder}' and run the command again: they are fetched anew.")
    return content


def _snapshot(language: str, content: bytes) -> Snapshot:
    rows = json.loads(content)
    descriptions = tuple(Description(tuple(translated), tuple(english)) for translated, english in rows)
    return Snapshot(language, hashlib.sha256(content).hexdigest(), RECORDED.get(language, ""), descriptions)


def _document(texts: Mapping[str, tuple[str, str]]) -> bytes:
    rows = [[_parts(translated), _parts(english)] for _, (translated, english) in sorted(texts.items())]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()


def _parts(text: str) -> tuple[str, ...]:
    """Synopsis, then paragraphs: Debian Policy, section 5.6.13; " ." separates paragraphs."""
    synopsis, *lines = text.split("\n")
    parts: list[list[str]] = [[]]
    for line in (line.strip() for line in lines):
        if line == ".":
            parts.append([])
        elif line:
            parts[-1].append(line)
    return (synopsis.strip(), *(" ".join(part) for part in parts if part))


def _fetch(language: str) -> dict[str, tuple[str, str]]:
    """md5 of the English description → (translated, English)."""
    if shutil.which("apt-get") is None or not Path(_HELPER).is_file():
        raise EnvironmentFailure(
            "AIB610", what="an index of package descriptions", reason="it needs apt-get and apt-helper, which are not installed"
        )
    with tempfile.TemporaryDirectory(prefix="apt-texts-", dir=home()) as scratch:
        options = _own_lists(Path(scratch), language)
        _apt(["apt-get", "-q", *options, "update"])
        form = "$(CREATED_BY)\t$(LANGUAGE)\t$(ORIGIN)\t$(SITE) $(RELEASE) $(COMPONENT)\t$(FILENAME)"
        listed = _apt(["apt-get", *options, "indextargets", "--format", form]).decode().splitlines()
        files = _in_both(listed, language)
        if files is None:
            raise EnvironmentFailure(
                "AIB610", what=f"an index of package descriptions in '{language}'", reason="this machine's apt sources contain none"
            )
        english, translated = (dict(_stanzas(_apt([_HELPER, "cat-file", path]).decode())) for path in files)
    return {digest: (text, english[digest]) for digest, text in translated.items() if digest in english and text != english[digest]}


def _own_lists(folder: Path, language: str) -> list[str]:
    """apt's options: separate lists, which need no root; of the indexes only the descriptions, in both languages."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    configuration = folder / "apt.conf"
    configuration.write_text(
        "#clear Acquire::Languages;\n"
        f'Acquire::Languages {{ "{ORIGINAL}"; "{language}"; }};\n'
        "#clear Acquire::IndexTargets::deb::Packages;\n"
        f'Dir::State "{folder}/state";\nDir::State::status "/var/lib/dpkg/status";\nDir::Cache "{folder}/cache";\n'
    )
    return ["-c", str(configuration), "-o", "APT::Sandbox::User=root"]


def _in_both(listed: list[str], language: str) -> tuple[str, str] | None:
    """The index files (English, translated) of the first of Debian's releases that has both."""
    files_of: dict[str, dict[str, str]] = {}
    for line in listed:
        created_by, of, origin, release, path = line.split("\t")
        if created_by == "Translations" and origin == "Debian" and Path(path).is_file():
            files_of.setdefault(release, {})[of] = path
    both = [files for files in files_of.values() if {ORIGINAL, language} <= set(files)]
    return (both[0][ORIGINAL], both[0][language]) if both else None


def _stanzas(text: str) -> Iterator[tuple[str, str]]:
    """(md5 of the English description, description) of every stanza of a Translation file; several may have the same md5, and are then
    identical."""
    for stanza in text.split("\n\n"):
        digest, lines = "", []
        for line in stanza.splitlines():
            if line.startswith("Description-md5: "):
                digest = line.partition(": ")[2]
            elif line.startswith("Description-"):
                lines.append(line.partition(": ")[2])
            elif line.startswith(" ") and lines:
                lines.append(line)
        if digest and lines:
            yield digest, "\n".join(lines)


def _apt(command: list[str]) -> bytes:
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    said = done.stderr.decode(errors="replace").strip()
    # apt-get update exits with 0 even if an index could not be fetched, and only prints it.
    if done.returncode == 0 and "Hash Sum mismatch" not in said:
        return done.stdout
    if "No space left on device" in said or "Disk quota exceeded" in said:
        raise OSError(errno.ENOSPC, "no space left on device")
    if "Hash Sum mismatch" in said:
        raise _corrupted("an index of package descriptions", "Run the command again; if it stays, ask who runs your package mirror.")
    last = said.splitlines()[-1] if said else "no message"
    raise EnvironmentFailure("AIB610", what="an index of package descriptions", reason=f"{Path(command[0]).name} said: {last}")


def _corrupted(what: str, way_out: str) -> EnvironmentFailure:
    return EnvironmentFailure("AIB604", what=what, reason="its content does not have the recorded hash", way_out=way_out)
