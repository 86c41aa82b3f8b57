import contextlib
import io
import stat
import struct
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.archives.zip import read_zip
from grader.errors import SubmissionRefused
from grader.intake import DEFAULT_BOUNDS, Intake, SubmissionBounds

SEEDED = settings(deadline=None, derandomize=True)
LAYERS = b"class Dense:\n    pass\n" * 20


def files_of(data, bounds=DEFAULT_BOUNDS):
    intake = Intake(bounds)
    read_zip(data, intake)
    return intake.finish()


def make(files, **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(
        buffer, "w", **{"compression": zipfile.ZIP_DEFLATED, **options}
    ) as archive:
        for name, content in files.items():
            archive.writestr(
                zipfile.ZipInfo(name) if isinstance(name, str) else name,
                content,
                compress_type=options.get("compression", zipfile.ZIP_DEFLATED),
            )
    return buffer.getvalue()


def with_mode(name, mode):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


class Unseekable(io.BytesIO):
    """What makes zipfile write sizes after the data."""

    def seekable(self):
        return False

    def seek(self, *_):
        raise OSError

    def tell(self):
        raise OSError


def raw_zip(locals_and_centrals, *, between=b"", tail=b"", count=None):
    """A zip of hand-made parts: (local header and data, central entry without its offset)."""
    body, directory = b"", b""
    for local, central in locals_and_centrals:
        directory += central[:42] + struct.pack("<L", len(body)) + central[46:]
        body += local
    body += between
    number = len(locals_and_centrals) if count is None else count
    end = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, number, number, len(directory), len(body), len(tail)
    )
    return body + directory + end + tail


def parts(name, content, *, method=8, flags=0, **lies):
    """Local and central part of one file; `lies` replace crc, packed or size in the central."""
    packed = content
    if method == 8:
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(content) + packer.flush()
    truth = {"crc": zlib.crc32(content), "packed": len(packed), "size": len(content)}
    said = {**truth, **lies}
    sizes = [said["crc"], said["packed"], said["size"], len(name)]
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, flags, method, 0, 0, *sizes, 0)
    central = struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", 20, 20, flags, method, 0, 0, *sizes, 0, 0, 0, 0, 0, 0
    )
    return local + name + packed, central + name


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_of_a_zip_are_read(compression):
    files = {"layers.py": LAYERS, "a/notes.md": b"", "a/": b"", "data.csv": bytes(300_000)}
    kept = files_of(make(files, compression=compression), SubmissionBounds(ratio=10_000))
    assert kept == {"layers.py": LAYERS, "a/notes.md": b"", "data.csv": bytes(300_000)}


def test_a_zip_written_as_a_stream_is_read():
    stream = Unseekable()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("layers.py", LAYERS)
    assert files_of(stream.getvalue()) == {"layers.py": LAYERS}


def test_a_zip_with_a_comment_is_read():
    buffer = io.BytesIO(make({"layers.py": LAYERS}))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"made by me"
    assert files_of(buffer.getvalue()) == {"layers.py": LAYERS}


def test_hand_made_parts_are_a_zip_when_they_do_not_lie():
    assert files_of(raw_zip([parts(b"layers.py", LAYERS)])) == {"layers.py": LAYERS}


def test_an_empty_zip_is_refused():
    with pytest.raises(SubmissionRefused, match="holds no files"):
        files_of(make({}))


def test_a_bomb_is_refused_by_the_bytes_that_come_out():
    bomb = make({"layers.py": bytes(50_000_000)})
    assert len(bomb) < 100_000
    with pytest.raises(SubmissionRefused, match=r"larger than 1 MiB|far more than its packed"):
        files_of(bomb)
    with pytest.raises(SubmissionRefused, match="far more than its packed"):
        files_of(make({"data.csv": bytes(1_000_000)}))


def test_a_bomb_that_lies_about_its_size_is_refused():
    bomb = raw_zip([parts(b"layers.py", bytes(50_000_000), size=10)])
    with pytest.raises(SubmissionRefused, match=r"size of a file is wrong|far more"):
        files_of(bomb)


def test_overlapping_entries_are_refused():
    local, central = parts(b"a.py", LAYERS)
    other = central.replace(b"a.py", b"b.py")
    with pytest.raises(SubmissionRefused, match=r"overlap|not what its directory says"):
        files_of(raw_zip([(local, central), (b"", other)]))
    same_place = raw_zip([(local, central)])
    twice = raw_zip([(local, central), (b"", central)])
    assert len(twice) > len(same_place)
    end = len(local)
    directory = central[:42] + struct.pack("<L", 0) + central[46:]
    both = (
        local
        + directory * 2
        + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, 2 * len(directory), end, 0)
    )
    with pytest.raises(SubmissionRefused, match="overlap"):
        files_of(both)


def test_an_entry_that_quotes_the_next_header_is_refused():
    """The trick of zip bombs that overlap: stored data that hold the next entry."""
    inner_local, inner_central = parts(b"b.py", LAYERS)
    outer_local, outer_central = parts(b"a.py", inner_local, method=0)
    at = len(outer_local) - len(inner_local)
    directory = outer_central[:42] + struct.pack("<L", 0) + outer_central[46:]
    directory += inner_central[:42] + struct.pack("<L", at) + inner_central[46:]
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, len(directory), len(outer_local), 0)
    with pytest.raises(SubmissionRefused, match="overlap"):
        files_of(outer_local + directory + end)


def test_an_entry_that_reaches_into_the_directory_is_refused():
    local, central = parts(b"a.py", LAYERS, method=0)
    packed = struct.pack("<LL", len(LAYERS) + 10, len(LAYERS) + 10)
    local = local[:18] + packed + local[26:]
    central = central[:20] + packed + central[28:]
    with pytest.raises(SubmissionRefused, match="overlap"):
        files_of(raw_zip([(local, central)]))


@pytest.mark.parametrize("claim", [None, 1])
def test_many_entries_are_refused(claim):
    many = {f"__MACOSX/{i}": b"" for i in range(2000)}
    data = bytearray(make(many))
    if claim is not None:
        data[-14:-10] = struct.pack("<HH", claim, claim)
    with pytest.raises(SubmissionRefused, match=r"more than 1000 entries|directory does not fit"):
        files_of(bytes(data))


@pytest.mark.parametrize(
    "name",
    ["../layers.py", "/layers.py", "a\\..\\layers.py", "C:/layers.py", "a/" * 50 + "b.py", "é.py"],
)
def test_names_pass_the_rules_of_every_submission(name):
    data = raw_zip([parts(name.encode(), LAYERS)])
    with pytest.raises(SubmissionRefused, match="The name"):
        files_of(data)


@pytest.mark.parametrize("name", [b"a.py\0.txt", b"\xff\xfe.py"])
def test_names_of_odd_bytes_are_refused(name):
    with pytest.raises(SubmissionRefused, match="The name"):
        files_of(raw_zip([parts(name, LAYERS)]))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK])
def test_links_and_devices_are_refused(kind):
    data = make({"layers.py": LAYERS, with_mode("b.py", kind | 0o777): b"/etc/passwd"})
    with pytest.raises(SubmissionRefused, match=r"'b.py' is a link or a special file"):
        files_of(data)


def test_regular_files_of_any_mode_are_read():
    data = make({with_mode("layers.py", stat.S_IFREG | 0o4777): LAYERS})
    assert files_of(data) == {"layers.py": LAYERS}


@pytest.mark.parametrize(("one", "other"), [("a.py", "a.py"), ("a.py", "A.py")])
def test_names_that_occur_twice_are_refused(one, other):
    data = raw_zip([parts(one.encode(), b"1"), parts(other.encode(), b"2")])
    with pytest.raises(SubmissionRefused, match="occurs twice"):
        files_of(data)


@pytest.mark.parametrize("lie", [{"crc": 1}, {"size": 5}, {"size": 10_000}])
@pytest.mark.parametrize("method", [0, 8])
def test_a_wrong_checksum_or_size_is_refused(lie, method):
    with pytest.raises(SubmissionRefused, match="checksum or the size"):
        files_of(raw_zip([parts(b"layers.py", LAYERS, method=method, **lie)]))


@pytest.mark.parametrize("cut", [5, -5])
def test_deflated_data_must_end_where_the_entry_does(cut):
    local, central = parts(b"layers.py", LAYERS)
    packed = struct.pack("<L", len(local) - 30 - 9 - cut)
    local = local[:18] + packed + local[22:] + b"x" * max(0, -cut)
    central = central[:20] + packed + central[24:]
    with pytest.raises(SubmissionRefused, match="cannot be unpacked"):
        files_of(raw_zip([(local, central)]))


@pytest.mark.parametrize(
    "change",
    [
        lambda local: local.replace(b"layers.py", b"hidden.py"),
        lambda local: local[:8] + struct.pack("<H", 0) + local[10:],
        lambda local: local[:14] + struct.pack("<L", 1) + local[18:],
        lambda local: local[:22] + struct.pack("<L", 1) + local[26:],
        lambda local: local[:6] + struct.pack("<H", 1) + local[8:],
        lambda local: b"PK\x07\x08" + local[4:],
    ],
    ids=["name", "method", "crc", "size", "encrypted", "signature"],
)
def test_a_local_header_that_differs_from_the_directory_is_refused(change):
    local, central = parts(b"layers.py", LAYERS)
    with pytest.raises(SubmissionRefused, match="not what its directory says"):
        files_of(raw_zip([(change(local), central)]))


@pytest.mark.parametrize("flag", [0x0001, 0x0040, 0x2000])
def test_encrypted_zips_are_refused(flag):
    with pytest.raises(SubmissionRefused, match="without a password"):
        files_of(raw_zip([parts(b"layers.py", LAYERS, flags=flag)]))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression_is_refused(compression):
    with pytest.raises(SubmissionRefused, match="unusual compression"):
        files_of(make({"layers.py": LAYERS}, compression=compression))


def test_something_between_the_parts_or_behind_them_is_refused():
    entry = parts(b"layers.py", LAYERS)
    with pytest.raises(SubmissionRefused, match="directory does not fit"):
        files_of(raw_zip([entry, entry], count=1))
    with pytest.raises(SubmissionRefused, match="end does not fit"):
        files_of(raw_zip([entry]) + b"x")
    with pytest.raises(SubmissionRefused, match="not where it should be"):
        files_of(b"#!/bin/sh\n" + raw_zip([entry]))
    assert files_of(raw_zip([entry], tail=b"a comment")) == {"layers.py": LAYERS}


@pytest.mark.parametrize("step", range(1, 60, 3))
def test_a_zip_that_is_cut_off_is_refused(step):
    data = make({"layers.py": LAYERS, "b.py": LAYERS})
    with pytest.raises(SubmissionRefused, match="The zip is damaged"):
        files_of(data[: len(data) * step // 60])


@SEEDED
@given(st.data())
def test_a_garbled_zip_is_refused_or_read_but_never_a_crash(data):
    content = bytearray(make({"layers.py": LAYERS, "a/b.md": b"notes"}))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(SubmissionRefused):
        files_of(bytes(content))


@SEEDED
@given(st.binary(max_size=300))
def test_random_bytes_are_refused(content):
    for data in (content, b"PK\x03\x04" + content, content + make({})):
        with pytest.raises(SubmissionRefused):
            files_of(data)
