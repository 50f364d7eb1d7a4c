"""Hash: finds documents with the same content, or nearly the same, by hashing it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="hash",
    package=__package__,
    family="hashing",
    kind=Kind.SERVICE,
    doc="drops documents whose content is that of an earlier one: exactly (XXH3), or nearly (simhash)",
    ports=Ports((Port("documents", "Documents"),), (Port("documents", "Documents"),)),
    settings=(
        Setting("duplicates", "word", "near", ("near", "exact"), "which go: also those that are nearly the same, or only the same"),
        Setting("bits", "count", 3, (), "texts are near duplicates if their 64-bit simhashes differ in at most this many bits"),
        Setting("top", "count", 10, (), "the most documents that go on"),
    ),
)
