"""Everything the exercises share comes from the plugins in `fixtures/`, one concern a file.

A plugin that others import stands before them; `evidence` after `solve`, which it refuses.
"""

pytest_plugins = [
    "pytester",
    "fixtures.answers",
    "fixtures.benchmarks",
    "fixtures.counting",
    "fixtures.datasets",
    "fixtures.facts",
    "fixtures.figures",
    "fixtures.images",
    "fixtures.imports",
    "fixtures.isolation",
    "fixtures.limits",
    "fixtures.pages",
    "fixtures.processes",
    "fixtures.processor",
    "fixtures.randomness",
    "fixtures.report",
    "fixtures.selection",
    "fixtures.speaking",
    "fixtures.progress",
    "fixtures.solve",
    "fixtures.evidence",
    "fixtures.summary",
    "fixtures.tables",
]
