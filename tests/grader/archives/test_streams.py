import bz2
import contextlib
import gzip
import lzma
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.archives.streams import (
    CHUNK,
    CorruptStream,
    Inflater,
    decompressed,
    decompressor_for,
    pieces,
)

SEEDED = settings(deadline=None, derandomize=True)

COMPRESS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


@pytest.fixture(params=COMPRESS)
def compress(request):
    return COMPRESS[request.param]


def unpack(data):
    decompressor = decompressor_for(data)
    assert decompressor is not None
    return list(decompressed(decompressor, data))


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 5 * CHUNK])
def test_what_was_compressed_comes_out_in_small_pieces(compress, size):
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    chunks = unpack(compress(content))
    assert b"".join(chunks) == content
    assert all(0 < len(chunk) <= CHUNK for chunk in chunks)


def test_input_of_many_pieces_is_read_to_its_end(compress):
    content = zlib.compress(b"seed") + bytes(
        (i * 2654435761 >> 13) & 0xFF for i in range(4 * CHUNK)
    )
    assert b"".join(unpack(compress(content))) == content


@pytest.mark.parametrize("cut", [1, 8, 30])
def test_a_stream_that_is_cut_off_is_corrupt(compress, cut):
    with pytest.raises(CorruptStream):
        unpack(compress(bytes(range(256)) * 100)[:-cut])


@pytest.mark.parametrize("tail", [b"x", b"x" * 200_000])
def test_a_stream_that_goes_on_after_its_end_is_corrupt(compress, tail):
    with pytest.raises(CorruptStream):
        unpack(compress(b"content") + tail)


def test_a_wrong_checksum_is_corrupt():
    data = bytearray(gzip.compress(b"content" * 100))
    data[-6] ^= 1
    with pytest.raises(CorruptStream):
        unpack(bytes(data))


def test_an_xz_file_that_wants_much_memory_is_refused():
    greedy = lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 26}])
    with pytest.raises(CorruptStream):
        unpack(greedy)


@SEEDED
@given(st.sampled_from([b"\x1f\x8b\x08\0", b"BZh9", b"\xfd7zXZ\0"]), st.binary())
def test_random_bytes_are_corrupt_or_a_stream(magic, rest):
    with contextlib.suppress(CorruptStream):
        unpack(magic + rest)


def test_raw_deflate_is_read_too():
    compressor = zlib.compressobj(wbits=-15)
    data = compressor.compress(b"abc" * 1000) + compressor.flush()
    assert b"".join(decompressed(Inflater(-15), data)) == b"abc" * 1000


def test_anything_else_has_no_decompressor():
    assert decompressor_for(b"PK\x03\x04") is None
    assert decompressor_for(b"") is None


@SEEDED
@given(st.binary(max_size=100))
def test_pieces_are_the_whole(data):
    assert b"".join(pieces(data)) == data
