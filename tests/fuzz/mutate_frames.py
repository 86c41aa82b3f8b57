"""Other frames from a frame: cheap edits that get past the first checks more often than not."""

import struct

from grader.sandbox.agent import wire
from grader.sandbox.agent.values import MAX_DEPTH, Decoder

TAGS = b"NTFidsbhtav"
_NUMBERS = [0, 1, 2, 7, 8, 9, 63, 64, 65, 127, 128, 255, 256, 9216, 9217, 65535, 2**20, 2**20 + 1]
_NUMBERS += [2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**48, 2**48 + 1, 2**63, 2**64 - 1]
WORDS = tuple(
    number.to_bytes(width, "little")
    for width in (1, 2, 4, 8)
    for number in _NUMBERS
    if number < 256**width
)
KINDS = bytes(wire.REPLIES) * 4 + bytes(range(40))
MOST_SUPPLIED = 4096
_ANYTHING = wire.Bounds(
    kinds=wire.REPLIES,
    value_bytes=1 << 20,
    data_bytes=2 << 20,
    items=1000,
    text=True,
    handles=True,
    layouts=True,
)


def mutate(content, random):
    """A frame like `content`, but different; by a `random.Random`.

    Its header is right about the lengths mostly, and its data have the announced length often.
    """
    header, value, data = _parts(content)
    for _ in range(1 + (random.random() < 0.4) + (random.random() < 0.2)):
        if random.random() < 0.8 or not data:
            value = edited(value, random, TAGS)
        else:
            data = edited(data, random, b"\0\1\2\xff")
    chance = random.random()
    lengths = len(value), len(data)
    if chance < 0.3:
        count = _announced(value, len(data))
        lengths = len(value), count
        if count <= MOST_SUPPLIED:  # else it is announced only
            data = data[:count].ljust(count, b"\1")
    elif chance > 0.95:
        lengths = _number(random) & 0xFFFFFFFF, _number(random)
    kind = header[1]
    if random.random() < 0.1:
        kind = _of(KINDS, random)
    frame = wire.HEADER.pack(wire.MAGIC, wire.VERSION, kind, 0, *header[2:], *lengths)
    frame += value + data
    if random.random() < 0.04:
        frame = edited(frame[: wire.HEADER.size], random) + frame[wire.HEADER.size :]
    if random.random() < 0.03:
        frame = frame[: int(random.random() * len(frame))]
    return frame


def _parts(content):
    """Header fields that matter, value and data of what may be no frame at all."""
    size = wire.HEADER.size
    raw = content[:size].ljust(size, b"\0")
    _, version, kind, _, request, nonce, value_bytes, _ = wire.HEADER.unpack(raw)
    end = size + min(value_bytes, len(content))
    return (version, kind, request, nonce), content[size:end], content[end:]


def _announced(value, otherwise):
    """How many bytes the arrays of `value` need, if it is one."""
    decoder = Decoder(value, _ANYTHING)
    try:
        decoder.take(MAX_DEPTH)
    except wire.MalformedFrame:
        return otherwise
    return sum(spec.nbytes for spec in decoder.specs)


def edited(content, random, bytes_of_note=b"\0\1\x7f\x80\xff"):
    """One edit: a byte, a word, a span that is taken out, doubled or put in."""
    at = int(random.random() * (len(content) + 1))
    match int(random.random() * 7):
        case 0:
            return content[:at] + bytes([_of(bytes_of_note, random)]) + content[at + 1 :]
        case 1:
            return content[:at] + random.randbytes(1) + content[at + 1 :]
        case 2 | 3:
            word = _of(WORDS, random)
            return content[:at] + word + content[at + len(word) :]
        case 4:
            span = int(random.random() * 12)
            return content[:at] + content[at + span :]
        case 5:
            span = int(random.random() * 24)
            return content[: at + span] + content[at:]
        case _:
            return content[:at] + _piece(random) + content[at:]


def _piece(random):
    """A value, right in itself or nearly so."""
    choice = int(random.random() * 6)
    if choice == 0:
        return _of((b"N", b"T", b"F", b"t\0\0", b"h\0\0\0\0"), random)
    if choice == 1:
        return _of((b"i", b"d"), random) + random.randbytes(8)
    if choice == 2:
        text = random.randbytes(int(random.random() * 8))
        return _of((b"s", b"b"), random) + struct.pack("<I", len(text)) + text
    if choice == 3:
        return struct.pack("<cH", b"t", int(random.random() * 5))
    ndim = int(random.random() * 4)
    sizes = b"".join(struct.pack("<Q", int(random.random() * 4)) for _ in range(ndim))
    code = int(random.random() * len(wire.DTYPES))
    array = struct.pack("<BB", code, ndim) + sizes
    if choice == 4:
        return b"a" + array
    return b"v" + array + b"\0" + b"".join(struct.pack("<Bb", axis, 1) for axis in range(ndim))


def _number(random):
    return int.from_bytes(_of(WORDS, random), "little")


def _of(options, random):
    return options[int(random.random() * len(options))]
