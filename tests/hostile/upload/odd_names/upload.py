"""Names that fool a shell, a terminal or a C program."""

from hostile_archives import HONEST, local_zip, tar_of, zip_of

NAMES = ("a\nb.py", "\u202eyp.srekal.py", "-rf.py", "a" * 5000 + ".py", "con\x1b[2J.py", "a b;c.py")


def uploads():
    archives = {"null.zip": local_zip(b"layers.py\0.txt", HONEST)}
    archives["bytes.zip"] = local_zip(b"\xff\xfe.py", HONEST)
    for number, name in enumerate(NAMES):
        archives[f"odd{number}.zip"] = zip_of({name: HONEST})
        archives[f"odd{number}.tar"] = tar_of({name: HONEST})
    return archives
