"""Component benchmarks: one component in isolation, with the processes of a scenario run. README.md says what they measure."""
