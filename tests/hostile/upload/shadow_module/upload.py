"""Made here, not kept as files: whatever looks for tests in this tree would load the first."""

EXIT = b"import os\n\nos._exit(0)\n"
NAMES = ("conftest.py", "numpy.py", "sitecustomize.py", "usercustomize.py", "onebyone_agent.py")


def uploads():
    return {"layers.py": b"from wrong import Dense\n", **dict.fromkeys(NAMES, EXIT)}
