"""Import files that lie outside the package: benchmarks, recipes and the website's hooks."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


def script(path: str) -> ModuleType:
    """Return the module in that file, given relative to the repository.

    Files of one folder import each other by their bare names. These names are forgotten afterwards, so that no test can
    import such a file by accident.
    """
    file, before = ROOT / path, set(sys.modules)
    sys.path.insert(0, str(file.parent))
    try:
        spec = spec_from_file_location(file.stem, file)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[file.stem] = module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(file.parent))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(str(file.parent)):
                del sys.modules[name]
    return module
