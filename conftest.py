"""Everything the exercises share comes from the plugins in `fixtures/`, one concern a file.

A plugin that others import stands before them; `evidence` after `solve`, which it refuses.
"""

pytest_plugins = [
    "pytester",
    "fixtures.benchmarks",
    "fixtures.counting",
    "fixtures.datasets",
    "fixtures.facts",
    "fixtures.figures",
    "fixtures.imports",
    "fixtures.isolation",
    "fixtures.limits",
    "fixtures.pages",
    "fixtures.processes",
    "fixtures.randomness",
    "fixtures.report",
    "fixtures.selection",
    "fixtures.progress",
    "fixtures.solve",
    "fixtures.evidence",
    "fixtures.summary",
    "fixtures.tables",
]
