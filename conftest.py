"""Everything the exercises share comes from the plugins in `fixtures/`, one concern a file."""

pytest_plugins = [
    "pytester",
    "fixtures.benchmarks",
    "fixtures.datasets",
    "fixtures.figures",
    "fixtures.imports",
    "fixtures.isolation",
    "fixtures.randomness",
    "fixtures.report",
    "fixtures.selection",
    "fixtures.solve",
    "fixtures.summary",
]
