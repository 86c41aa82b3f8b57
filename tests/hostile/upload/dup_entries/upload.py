"""Which of the two counts?"""

import unicodedata

from hostile_archives import HONEST, tar_of_pairs, zip_of_pairs

PAIRS = {
    "same": ("layers.py", "layers.py"),
    "case": ("layers.py", "Layers.py"),
    "folder": ("layers.py", "layers.py/x.py"),
    "accents": (unicodedata.normalize("NFC", "é.py"), unicodedata.normalize("NFD", "é.py")),
}


def uploads():
    archives = {}
    for kind, names in PAIRS.items():
        pairs = [(name, HONEST) for name in names]
        archives[f"{kind}.zip"] = zip_of_pairs(pairs)
        archives[f"{kind}.tar"] = tar_of_pairs(pairs)
    return archives
