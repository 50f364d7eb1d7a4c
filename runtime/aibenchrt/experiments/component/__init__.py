"""One component alone, by the parts of a scenario run: component benchmarks. README.md says what they measure."""
