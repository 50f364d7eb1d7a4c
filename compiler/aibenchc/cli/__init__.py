"""aibenchc: the command line, the only part that prints, exits, reads and writes. One module per verb, imported when used."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Callable, Sequence

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.exit_codes import EXIT_CODES, ExitCode
from aibenchrt.shown import say, tell, tell_failure
from aibenchrt.surroundings import give_up, settle

from aibenchc.cli.verbs import BY_NAME, VERBS

_NOT_OURS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)  # of an OSError without a diagnostic of its own


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb; returns its exit code. argv None: that of this process, whose streams and locale are settled first."""
    if argv is None:
        settle()
    words = list(sys.argv[1:] if argv is None else argv)
    return _guarded(lambda: _said(words))


def _said(words: Sequence[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        say(usage().removesuffix("\n"))
        return ExitCode.OK if words else ExitCode.ENVIRONMENT
    if words[0] in ("-V", "--version"):
        from importlib.metadata import version

        say(f"aibenchc {version('aibenchc')}")
        return ExitCode.OK
    verb = BY_NAME.get(words[0])
    if verb is None:
        return _unknown(words[0])
    return verb.module().run(verb.read(words[1:]))


def usage() -> str:
    width = max(len(verb.name) for verb in VERBS)
    lines = [
        "usage: aibenchc VERB …",
        "",
        "A compiler from declarative AI scenario specifications to deployable, validated benchmarks.",
        "",
    ]
    lines += [f"  {verb.name:<{width}}  {verb.help}" for verb in VERBS]
    lines += [
        "",
        "  aibenchc VERB --help  shows the arguments of a verb;  aibenchc --version",
        "",
        f"Exit codes: {'; '.join(f'{code} {meaning}' for code, meaning in EXIT_CODES.items())}.",
    ]
    return "\n".join(lines) + "\n"


def _unknown(word: str) -> int:
    from aibenchc.diagnostics import did_you_mean

    hint = did_you_mean(word, [verb.name for verb in VERBS], "`aibenchc --help` lists the verbs")
    tell(f"aibenchc: no verb is called {word!r}: {hint}")
    return ExitCode.ENVIRONMENT


def _guarded(work: Callable[[], int]) -> int:
    """Does it and turns every failure into a message and an exit code: the author's, the environment's, or our own."""
    try:
        code = work()
        sys.stdout.flush()
    except EnvironmentFailure as failure:
        tell_failure(failure)
        return ExitCode.ENVIRONMENT
    except KeyboardInterrupt:
        tell("aibenchc: interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        give_up(sys.stdout.fileno())  # the reader has gone
        return ExitCode.OK
    except SystemExit as stop:  # argparse
        return stop.code if isinstance(stop.code, int) else ExitCode.ENVIRONMENT
    except OSError as error:
        if error.errno not in _NOT_OURS:
            return _ours(error)
        tell_failure(EnvironmentFailure("AIB654", what=f"'{error.filename}'" if error.filename else "a file", reason=error.strerror))
        return ExitCode.ENVIRONMENT
    except Exception as mistake:  # noqa: BLE001  whatever it is, it is ours
        return _ours(mistake)
    return code


def _ours(mistake: Exception) -> int:
    tell("".join(traceback.format_exception(mistake)).rstrip())
    tell(f"error[AIB901]: the compiler failed: {mistake!r}\n  = help: please report it with the spec")
    return ExitCode.OURS
