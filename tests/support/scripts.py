"""Import files that lie outside the package: benchmarks, recipes and the hooks of the website."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


def load_script(path: str) -> ModuleType:
    """Return the module in a file.

    Files of one folder import each other by their bare names. These names are removed afterwards, so that no test can
    import such a file by accident.

    Args:
        path: the path of the file in the repository.
    """
    file, names_before = ROOT / path, set(sys.modules)
    sys.path.insert(0, str(file.parent))
    try:
        spec = spec_from_file_location(file.stem, file)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[file.stem] = module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(file.parent))
        for name in set(sys.modules) - names_before:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(str(file.parent)):
                del sys.modules[name]
    return module
