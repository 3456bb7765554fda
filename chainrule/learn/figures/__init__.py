"""The figures of the lessons, and their animations."""
