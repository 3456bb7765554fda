"""The drawings of the lessons, one module for each."""
