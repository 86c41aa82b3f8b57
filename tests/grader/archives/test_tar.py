import bz2
import contextlib
import gzip
import io
import lzma
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.archives.tar import is_tar, read_tar
from grader.errors import SubmissionRefused
from grader.intake import DEFAULT_BOUNDS, Intake

SEEDED = settings(deadline=None, derandomize=True)
LAYERS = b"class Dense:\n    pass\n" * 50
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def files_of(data, bounds=DEFAULT_BOUNDS):
    intake = Intake(bounds)
    read_tar(data, intake)
    return intake.finish()


def member(name, kind=tarfile.REGTYPE, **attributes):
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def make(files, style=tarfile.PAX_FORMAT):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=style) as archive:
        for name, content in files.items():
            info = name if isinstance(name, tarfile.TarInfo) else member(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def block(name=b"layers.py", size=b"00000000000", kind=b"0", magic=b"ustar\x0000", prefix=b""):
    """A header by hand, for what tarfile does not write."""
    header = bytearray(512)
    header[:100] = name.ljust(100, b"\0")
    header[124:136] = size.ljust(12, b"\0")
    header[156:157] = kind
    header[257:265] = magic
    header[345:500] = prefix.ljust(155, b"\0")
    header[148:156] = b"%06o\0 " % (sum(header) + 8 * 32)
    return bytes(header)


END = bytes(1024)


@pytest.mark.parametrize("style", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, bz2.compress, lzma.compress], ids=["tar", "gz", "bz2", "xz"]
)
def test_files_of_a_tar_are_read(style, compress):
    files = {"./hw/layers.py": LAYERS, "./hw/a/notes.md": b"", "./hw/data.csv": bytes(range(256))}
    data = compress(make(files, style))
    assert is_tar(data)
    assert files_of(data) == {
        "layers.py": LAYERS,
        "a/notes.md": b"",
        "data.csv": bytes(range(256)),
    }


@pytest.mark.parametrize("style", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_long_names_are_read_as_such(style):
    ignored = ".venv/" + "deep/" * 60 + "x.so"
    assert files_of(make({ignored: b"x", "layers.py": LAYERS}, style)) == {"layers.py": LAYERS}
    with pytest.raises(SubmissionRefused, match="longer than 100 characters"):
        files_of(make({"long" * 40 + ".py": b"x"}, style))


def test_pax_headers_of_other_systems_are_read():
    info = member("layers.py", pax_headers={"mtime": "1.5", "LIBARCHIVE.xattr.com.apple": "x" * 99})
    assert files_of(make({info: LAYERS})) == {"layers.py": LAYERS}


def test_a_file_that_an_old_tar_wrote_is_read():
    data = block(kind=b"\0", size=b"5", magic=bytes(8)) + b"x = 1".ljust(512, b"\0") + END
    assert files_of(data) == {"layers.py": b"x = 1"}


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, b"S"],
    ids=["symlink", "hardlink", "fifo", "character", "block", "sparse"],
)
def test_links_devices_and_sparse_files_are_refused(kind):
    data = block(name=b"b.py", kind=kind) + END
    with pytest.raises(SubmissionRefused, match=r"'b.py' is a link or a special file"):
        files_of(data)


def test_links_among_what_is_ignored_are_ignored():
    link = member(".venv/bin/python", tarfile.SYMTYPE, linkname="/usr/bin/python3")
    assert files_of(make({link: b"", "layers.py": LAYERS})) == {"layers.py": LAYERS}


@pytest.mark.parametrize("kind", [b"1", b"2", b"5", b"6"])
def test_content_of_what_is_no_file_is_refused(kind):
    with pytest.raises(SubmissionRefused, match=r"no file has content|folder has content"):
        files_of(block(kind=kind, size=b"00000001000") + bytes(512) + END)


def test_a_file_that_is_named_as_a_folder_is_one():
    data = block(name=b"a/") + block() + END
    assert files_of(data) == {"layers.py": b""}
    with pytest.raises(SubmissionRefused, match="a folder has content"):
        files_of(block(name=b"a/", size=b"1") + bytes(512) + END)


def test_what_follows_the_end_is_not_read_as_files():
    data = make({"layers.py": LAYERS}) + make({"b.py": LAYERS})
    assert files_of(data + bytes(300_000)) == {"layers.py": LAYERS}


def test_many_large_extension_headers_are_refused():
    record = b"60000 comment=" + b"x" * (60_000 - 15) + b"\n"
    header = block(kind=b"x", size=b"%o" % len(record)) + record.ljust(60_416, b"\0")
    assert files_of(header * 17 + block() + END) == {"layers.py": b""}
    with pytest.raises(SubmissionRefused, match="extension header is too large"):
        files_of(header * 18 + block() + END)


@pytest.mark.parametrize("name", ["../layers.py", "/layers.py", "a\\b.py", "-x.py", "a b.py"])
def test_names_pass_the_rules_of_every_submission(name):
    with pytest.raises(SubmissionRefused, match="The name"):
        files_of(make({name: LAYERS}))


def test_a_name_in_an_extension_header_passes_them_too():
    data = make({member("layers.py", pax_headers={"path": "../../evil.py"}): LAYERS})
    with pytest.raises(SubmissionRefused, match="does not stay inside"):
        files_of(data)
    with pytest.raises(SubmissionRefused, match="does not stay inside"):
        files_of(make({member("a.py", pax_headers={"path": "a\0b.py"}): LAYERS}))
    with pytest.raises(SubmissionRefused, match="does not stay inside"):
        files_of(block(prefix=b"..") + END)


def test_names_that_occur_twice_are_refused():
    with pytest.raises(SubmissionRefused, match="occurs twice"):
        files_of(make({"a.py": b"1", "A.py": b"2"}))


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["layers.py", ".git/big"])
def test_a_bomb_is_refused_by_the_bytes_that_come_out(compress, name):
    bomb = compress(
        make(
            {name: bytes(30_000_000), "layers.py": LAYERS}
            if name[0] == "."
            else {name: bytes(30_000_000)}
        )
    )
    assert len(bomb) < 50_000
    with pytest.raises(SubmissionRefused, match=r"unpacks to far more|larger than 1 MiB"):
        files_of(bomb)


def test_many_entries_are_refused():
    with pytest.raises(SubmissionRefused, match="more than 1000 entries"):
        files_of(make({f".git/{i}": b"" for i in range(1100)}))


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_a_huge_extension_header_is_refused_unread(kind):
    data = block(kind=kind, size=b"77777777777") + END
    with pytest.raises(SubmissionRefused, match="extension header is too large"):
        files_of(data)


def test_ten_thousand_extension_headers_in_a_row_are_read_without_recursion():
    many = (block(kind=b"L", size=b"5") + b"a.py\0".ljust(512, b"\0")) * 7000
    assert files_of(many + block() + END) == {"a.py": b""}


@pytest.mark.parametrize(
    "records",
    [
        b"5 a=b\n",
        b"7 a=b\n",
        b"x a=b\n",
        b"-6 a=b\n",
        b"6 ab\n\n",
        b"5 =b\n",
        b"99999999999999999999 a=b\n",
        b"6 a=bx",
        b"0 a=b\n",
        b"12 size=abc\n",
        b"11 size=-1\n",
        b"24 size=9999999999999999\n",
        b"30 GNU.sparse.realname=a.py\n\n\n",
        b"22 GNU.sparse.major=1\n",
    ],
)
def test_garbled_extension_headers_are_refused(records):
    data = block(kind=b"x", size=b"%o" % len(records)) + records.ljust(512, b"\0") + block() + END
    with pytest.raises(SubmissionRefused, match="The tar is damaged"):
        files_of(data)


def test_a_global_header_cannot_name_files():
    records = b"13 path=a.py\n"
    data = block(kind=b"g", size=b"15") + records.ljust(512, b"\0") + block() + END
    with pytest.raises(SubmissionRefused, match="one name or size to many files"):
        files_of(data)
    comment = b"14 comment=ab\n"
    data = block(kind=b"g", size=b"16") + comment.ljust(512, b"\0") + block() + END
    assert files_of(data) == {"layers.py": b""}


@pytest.mark.parametrize(
    "size", [b"-0000000001", b"\x80" + bytes(10), b"99999999999", b"0x10", b""]
)
def test_garbled_sizes_are_refused(size):
    with pytest.raises(SubmissionRefused, match="a number is garbled"):
        files_of(block(size=size) + END)


def test_a_wrong_checksum_is_refused():
    data = bytearray(make({"layers.py": LAYERS}))
    data[0] ^= 1
    with pytest.raises(SubmissionRefused, match="a header is garbled"):
        files_of(bytes(data))


@pytest.mark.parametrize("step", range(1, 20))
@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_tar_that_is_cut_off_is_refused(compress, step):
    data = compress(make({"layers.py": LAYERS, "b.py": LAYERS})[:5120])
    with pytest.raises(SubmissionRefused, match="The tar is damaged"):
        files_of(data[: min(len(data) * step // 20, 3000)])


def test_an_empty_tar_is_refused():
    with pytest.raises(SubmissionRefused, match="holds no files"):
        files_of(make({}))


@SEEDED
@given(st.data())
def test_a_garbled_tar_is_refused_or_read_but_never_a_crash(data):
    info = member("layers.py", pax_headers={"mtime": "1.5"})
    content = bytearray(make({info: LAYERS, "a" * 90 + "/" + "b" * 90 + ".py": b"notes"}))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.sampled_from(range(0, len(content), 512)))
        content[start + data.draw(st.integers(0, 511))] = data.draw(st.integers(0, 255))
        head = content[start : start + 512]
        total = sum(head[:148]) + 256 + sum(head[156:])
        content[start + 148 : start + 156] = b"%06o\0 " % total
    with contextlib.suppress(SubmissionRefused):
        files_of(bytes(content))


@SEEDED
@given(st.binary(max_size=3000), st.sampled_from([bytes, gzip.compress]))
def test_random_bytes_are_refused(content, compress):
    with pytest.raises(SubmissionRefused):
        files_of(compress(content))
