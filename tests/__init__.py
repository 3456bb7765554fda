"""The tests: they mirror the package; what several of them share is in `tests/support`."""
