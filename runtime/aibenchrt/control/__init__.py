"""Runs a generated scenario: its processes, the stages of a run with their journal, and what a run was, as data."""
