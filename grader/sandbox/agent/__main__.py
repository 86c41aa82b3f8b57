"""Start the agent: `python -I -B FOLDER CHANNEL OUTPUT SCRATCH INBOX`."""

import importlib
import importlib.util
import sys
from pathlib import Path

_NAME = "onebyone_agent"

if __name__ == "__main__":
    del sys.path[0]  # this folder: neither we nor the student import from it by path
    folder = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        _NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None  # noqa: S101 - for a path that ends in .py there always is one
    sys.modules[_NAME] = importlib.util.module_from_spec(spec)
    importlib.import_module(f"{_NAME}.main").main(*sys.argv[1:])
