"""Micro benchmarks: the kernels of AIBench, one at a time, forward and backward, against the machine's measured peaks.

README.md has the method. `python -m aibenchrt.micro` needs torch and psutil alone, so that it runs on a machine where the rest is not
installed; `aibenchc bench micro` is the same with the command line's tables.
"""
