"""`python -I -S die_with_parent.py PARENT PROGRAM ARGUMENT…` becomes PROGRAM, which dies when PARENT does.

A program of its own and not subprocess's preexec_fn, which runs Python between fork and exec: with gRPC's or torch's threads in the parent
that can deadlock. Standard library only, and run by path.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:  # it died before prctl took effect
        sys.exit("the parent has gone")
    os.execv(program, sys.argv[2:])


if __name__ == "__main__":
    main()
