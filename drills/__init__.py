"""The long trials of docs/architecture.md at full size. Each module here is one drill.

A drill's module has a docstring whose first line names it, and a function `drill()` that raises
AssertionError when a promise is broken and returns its figures, by name.
"""
