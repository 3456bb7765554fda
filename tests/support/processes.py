"""Run code in a new Python process."""

from __future__ import annotations

import os
import subprocess
import sys


def in_a_new_process(code: str) -> str:
    """Return the standard output of Python code that runs in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout
