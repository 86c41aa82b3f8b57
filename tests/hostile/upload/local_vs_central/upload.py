"""One says this, the other that."""

from hostile_archives import HONEST, central, end, local


def archive(local_header, central_header):
    return local_header + central_header + end(1, len(central_header), len(local_header))


def uploads():
    name, other = b"layers.py", b"Layers.py"
    return {
        "name.zip": archive(local(name, HONEST), central(other, HONEST, 0)),
        "size.zip": archive(local(name, HONEST), central(name, HONEST[:-5], 0)),
        "checksum.zip": archive(local(name, HONEST), central(name, HONEST[::-1], 0)),
        "offset.zip": archive(local(name, HONEST), central(name, HONEST, 7)),
        "flags.zip": archive(local(name, HONEST, flags=1), central(name, HONEST, 0)),
        "before.zip": b"#!/bin/sh\n" + archive(local(name, HONEST), central(name, HONEST, 0)),
    }
