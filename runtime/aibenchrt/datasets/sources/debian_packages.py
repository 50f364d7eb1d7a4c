"""Debian's packages as texts: name, source, section, one-line synopsis and long English description, from apt's package indexes.

The indexes are fetched once, into separate lists (which needs no root and leaves the system's lists unchanged), verified by apt against
the signed release, and kept as one file under home()/downloads; that snapshot is used until the file is deleted. Snapshots differ in their
texts: a world names its snapshot in its provenance, and figures measured on different snapshots are not comparable.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from aibenchrt.datasets.sources.fetch import write_atomically
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import disk_guard, home, locked
from aibenchrt.progress import Progress, silent

LICENCE = "each package's own free licence (Debian Free Software Guidelines); fetched, not redistributed"
_CAT = Path("/usr/lib/apt/apt-helper")  # reads an index whichever way apt compressed it
RECORDED = "8ab390df3da4"  # the snapshot (bookworm 12.15) on which the figures in the READMEs were measured
_INDEXES = ("Packages", "Translations")


@dataclass(frozen=True)
class DebianPackage:
    """text: the long description, one line per paragraph or list entry. source: the source package that it is built from."""

    name: str
    source: str
    section: str
    synopsis: str
    text: str


@dataclass(frozen=True)
class Snapshot:
    """release: "bookworm 12.15"; sha256: of the indexes' content. packages: those with an English description, in order of name."""

    release: str
    sha256: str
    packages: tuple[DebianPackage, ...]

    @property
    def said(self) -> str:
        """The name of this snapshot, for provenance."""
        changed = "" if self.sha256.startswith(RECORDED) else ": upstream changed, qualities are not comparable with the recorded ones"
        return f"Debian {self.release}, package indexes {self.sha256[:12]}{changed}, through apt"


def load_packages(progress: Progress = silent) -> Snapshot:
    """The stored snapshot, fetched first if there is none.

    EnvironmentFailure AIB604: the stored file is corrupted; AIB605: disk full; AIB610: no apt, no network, or no Debian sources.
    """
    kept = home() / "downloads" / "debian-packages" / "packages.json.gz"
    with disk_guard(kept), locked(kept.with_name("packages.lock")):
        if not kept.is_file():
            progress("fetching Debian's package indexes", 0.0)
            write_atomically(kept, _encoded(_fetched(kept.parent / "apt")))
            shutil.rmtree(kept.parent / "apt", ignore_errors=True)
        snapshot = _decoded(kept)
    progress(snapshot.said, 1.0)
    return snapshot


def _encoded(snapshot: Snapshot) -> bytes:
    rows = [astuple(package) for package in snapshot.packages]
    content = json.dumps([snapshot.release, snapshot.sha256, rows], ensure_ascii=False).encode()
    return gzip.compress(content, compresslevel=6, mtime=0)


def _decoded(path: Path) -> Snapshot:
    try:
        release, sha256, rows = json.loads(gzip.decompress(path.read_bytes()))
    except (gzip.BadGzipFile, EOFError, ValueError) as error:
        raise EnvironmentFailure(
            "AIB604", what=f"'{path.name}'", reason=error, way_out=f"delete '{path}' and run the command again, which fetches it again"
        ) from error
    return Snapshot(release, sha256, tuple(DebianPackage(*row) for row in rows))


def _fetched(folder: Path) -> Snapshot:
    """Updates separate package lists in `folder`, and joins the two indexes of Debian's main component."""
    if shutil.which("apt-get") is None or not _CAT.is_file():
        raise EnvironmentFailure("AIB610", what="an index of Debian's packages", reason="it needs apt-get, which is not installed")
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    settings = (
        "Acquire::Languages=en",
        f"Dir::State={folder}/state",
        "Dir::State::status=/var/lib/dpkg/status",
        f"Dir::Cache={folder}/cache",
    )
    options = ["-q", "-o", "APT::Sandbox::User=root", *(word for setting in settings for word in ("-o", setting))]
    said = _run("apt-get", *options, "update")
    targets = _run(
        "apt-get", *options, "indextargets", "--format", "$(CREATED_BY)|$(ORIGIN)|$(COMPONENT)|$(CODENAME)|$(VERSION)|$(FILENAME)"
    )
    texts: dict[str, str] = {}
    release = ""
    for line in targets.splitlines():
        kind, origin, component, codename, version, path = line.split("|")
        plain = origin == "Debian" and component == "main" and "-" not in codename  # not the updates, which change every week
        if plain and kind in _INDEXES and kind not in texts and Path(path).is_file():
            texts[kind], release = _run(str(_CAT), "cat-file", path), f"{codename} {version}"
    if len(texts) < len(_INDEXES):
        last = next(iter(reversed(said.splitlines())), "no message")
        raise EnvironmentFailure("AIB610", what="an index of Debian's packages with English descriptions", reason=f"apt has none: {last}")
    digest = hashlib.sha256("\0".join(texts[kind] for kind in _INDEXES).encode()).hexdigest()
    return Snapshot(release, digest, tuple(_joined(texts["Packages"], texts["Translations"])))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        return done.stdout.decode()
    said = (done.stderr or done.stdout).decode(errors="replace").strip()
    if "No space left on device" in said:
        raise EnvironmentFailure(
            "AIB605",
            what="apt's indexes",
            reason="no space left on the disk",
            way_out="free some space, or move AIBENCH_HOME elsewhere",
        )
    last = said.splitlines()[-1] if said else "no message"
    raise EnvironmentFailure("AIB610", what="an index of Debian's packages", reason=f"{Path(command[0]).name} said: {last}")


def _joined(packages: str, translations: str) -> Iterator[DebianPackage]:
    """The packages that have a description, in order of their names; one for each name."""
    described = {(entry["Package"], entry["Description-md5"]): entry["Description-en"] for entry in entries(translations)}
    seen = {}
    for entry in entries(packages):
        name = entry["Package"]
        description = described.get((name, entry.get("Description-md5", "")))
        if description is not None and name not in seen:
            synopsis, _, long = description.partition("\n")
            source = entry.get("Source", name).partition(" ")[0]
            section = entry.get("Section", "").rpartition("/")[2]
            seen[name] = DebianPackage(name, source, section, synopsis.strip(), unfolded(long))
    return iter(seen[name] for name in sorted(seen))


def entries(index: str) -> Iterator[dict[str, str]]:
    """The stanzas of an index (deb822): field → value; continuation lines keep their line breaks and lose their first space."""
    for stanza in index.split("\n\n"):
        entry: dict[str, str] = {}
        field = ""
        for line in stanza.split("\n"):
            if line.startswith((" ", "\t")):
                entry[field] += "\n" + line[1:]
            elif line:
                field, _, value = line.partition(":")
                entry[field] = value.strip()
        if entry:
            yield entry


def unfolded(long: str) -> str:
    """A long description with one line per paragraph or list entry (Debian Policy 5.6.13: lines of a paragraph are folded)."""
    lines: list[str] = []
    fresh = True
    for line in long.split("\n"):
        bare = line.strip()
        if bare in ("", "."):
            fresh = True
        elif fresh or (line.startswith((" ", "\t")) and bare[:1] in "*-+o•·"):
            lines.append(bare)
            fresh = False
        else:
            lines[-1] += " " + bare
    return "\n".join(lines)


# Topic → Debian's sections. A topic's position is its label: topic k has the ratings of department k of departments.CATEGORIES as visits.
TOPICS: dict[str, tuple[str, ...]] = {
    "media": ("games", "sound", "video", "graphics"),
    "documents": ("text", "doc", "tex", "editors", "localization"),
    "desktop": ("x11", "gnome", "kde", "xfce", "gnustep", "fonts"),
    "network": ("net", "mail", "comm", "hamradio", "news", "httpd"),
    "science": ("science", "math", "gnu-r", "electronics", "education"),
    "libraries": ("libs", "libdevel", "introspection", "database"),
    "web": ("javascript", "web", "php", "zope", "ruby"),
    "administration": ("admin", "utils", "kernel", "shells", "otherosfs", "embedded", "misc"),
    "development": ("devel", "vcs", "java", "golang", "rust", "haskell", "ocaml", "lisp", "interpreters", "cli-mono"),
    "scripting": ("python", "perl"),
}


_TOPIC_OF = {section: label for label, sections in enumerate(TOPICS.values()) for section in sections}
SHORTEST, LEAST_SAID = 15, 3  # the fewest words of a text that becomes a page or an article, and of its synopsis
HELD_OUT, CHOOSING = 0.30, 0.04  # fractions of the source packages whose texts are in the test and in the validation split


@dataclass(frozen=True)
class Leaf:
    """A text that may become a page or an article. group: texts of the same group are similar, and are all in the same split."""

    group: str
    topic: int
    title: str
    synopsis: str
    text: str

    @property
    def split(self) -> str:
        """Decided by the hash of the group, so that it does not change when other texts are added or removed."""
        place = int.from_bytes(hashlib.sha256(self.group.encode()).digest()[:4], "big") / 2**32
        return "test" if place < HELD_OUT else "validation" if place < HELD_OUT + CHOOSING else "train"


def leaves_of(packages: Iterable[DebianPackage]) -> tuple[Leaf, ...]:
    """The packages in a topic's section whose texts are long enough; of several with the same text, only the first."""
    leaves: dict[str, Leaf] = {}
    for package in packages:
        topic = _TOPIC_OF.get(package.section)
        long_enough = len(package.text.split()) >= SHORTEST and len(package.synopsis.split()) >= LEAST_SAID
        if topic is not None and long_enough and package.text not in leaves:
            leaves[package.text] = Leaf(package.source, topic, package.name, package.synopsis, package.text)
    return tuple(leaves.values())
