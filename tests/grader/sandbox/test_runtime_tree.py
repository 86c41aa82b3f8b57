import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from grader.errors import SandboxUnavailable
from grader.sandbox.runtime_tree import default_cache, ensure_tree

REPOSITORY = Path(__file__).parents[3]


def silent(_text):
    pass


@pytest.fixture(scope="module")
def cache():
    # Not pytest's folder, which is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="onebyone-test-"))
    folder.chmod(0o755)
    yield folder / "cache"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def tree(cache, probe_agent):
    return ensure_tree(probe_agent, cache, silent)


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def test_it_holds_an_interpreter_numpy_and_places_to_mount_on(tree):
    assert (tree.root / "usr/local/bin/python").resolve().is_relative_to(tree.root)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = tree.root / f"usr/local/lib/{version}/site-packages"
    assert {path.name for path in packages.iterdir()} <= {"numpy", "numpy.libs"}
    for name in ("proc", "dev", "tmp", "scratch", "agent"):
        assert not any((tree.root / name).iterdir())
    assert (tree.agent / "__main__.py").is_file()


def test_it_holds_no_test_suites_and_nothing_to_install_with(tree):
    names = {path.name for path in tree.root.rglob("*") if path.is_dir()}
    assert names.isdisjoint({"test", "tests", "idlelib", "tkinter", "ensurepip", "pip"})


def test_nothing_in_it_names_the_repository_or_the_virtual_environment(tree):
    for path in files(tree.root) + files(tree.agent):
        content = path.read_bytes()
        assert str(REPOSITORY / "grader").encode() not in content, path
        assert sys.prefix.encode() not in content or sys.prefix in ("/usr", "/usr/local"), path


def test_only_compiled_code_may_name_the_folder_of_this_machines_interpreter(tree):
    if sys.base_prefix in ("/usr", "/usr/local"):
        pytest.skip("this interpreter's folder is no secret")
    for path in files(tree.root):
        if sys.base_prefix.encode() in path.read_bytes():
            assert path.read_bytes()[:4] == b"\x7fELF", path


def test_everybody_may_read_it_and_nobody_else_write_it(tree):
    for path in [tree.root, tree.agent, *tree.root.rglob("*"), *tree.agent.rglob("*")]:
        status = path.lstat()
        assert status.st_uid == os.geteuid()
        if not path.is_symlink():
            assert status.st_mode & 0o022 == 0, path
            assert status.st_mode & 0o004, path


def test_every_module_is_compiled_ahead_under_the_name_that_it_has_inside(tree):
    compiled = next((tree.root / "usr/local/lib").rglob("__pycache__/dataclasses.*.pyc"))
    content = compiled.read_bytes()
    assert b"/usr/local/lib/python" in content
    assert str(tree.root).encode() not in content
    sources = {path for path in files(tree.root) if path.suffix == ".py"}
    assert len(list(tree.root.rglob("*.pyc"))) > 0.95 * len(sources)


def test_the_second_time_it_is_only_found(tree, cache, probe_agent):
    said = []
    assert ensure_tree(probe_agent, cache, said.append) == tree
    assert said == []


def test_another_agent_is_another_digest_over_the_same_root(tree, cache, tmp_path):
    (tmp_path / "__main__.py").write_text("print(1)\n")
    other = ensure_tree(tmp_path, cache, silent)
    assert other.root == tree.root
    assert other.digest != tree.digest
    (tmp_path / "__main__.py").write_text("print(2)\n")
    assert ensure_tree(tmp_path, cache, silent).digest not in (tree.digest, other.digest)


def test_a_tree_that_somebody_deleted_is_built_again_with_the_same_digest(tree, cache, probe_agent):
    shutil.rmtree(tree.root)
    said = []
    assert ensure_tree(probe_agent, cache, said.append) == tree
    assert said == ["Building the sandbox's file system, once."]


def test_an_upgraded_library_makes_a_new_tree(tree, cache, probe_agent):
    (record,) = cache.glob("root-*.json")
    text = record.read_text()
    libc = text.index("libc.so.6")
    # As if the library had had another size when the tree was built.
    record.write_text(text[:libc] + text[libc:].replace('": "', '": "1', 1))
    said = []
    assert ensure_tree(probe_agent, cache, said.append) == tree
    assert len(said) == 1


def test_those_who_ask_at_the_same_time_build_it_once(tree, cache, probe_agent):
    shutil.rmtree(tree.root)
    said, trees = [], []
    threads = [
        threading.Thread(target=lambda: trees.append(ensure_tree(probe_agent, cache, said.append)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trees == [tree] * 3
    assert len(said) == 1
    assert list(cache.glob("building-*")) == []


def test_what_an_interrupted_build_left_is_removed(tree, cache, probe_agent):
    (cache / "building-abc/root/usr").mkdir(parents=True)
    ensure_tree(probe_agent, cache, silent)
    assert not (cache / "building-abc").exists()


def test_a_cache_that_others_may_write_to_is_refused(tmp_path, probe_agent):
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    with pytest.raises(SandboxUnavailable, match="written to by others"):
        ensure_tree(probe_agent, cache, silent)


def test_a_cache_that_cannot_be_made_is_refused(tmp_path, probe_agent):
    (tmp_path / "file").write_text("")
    with pytest.raises(SandboxUnavailable, match="make room there, or let this user write"):
        ensure_tree(probe_agent, tmp_path / "file" / "cache", silent)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's sandboxes run as another user")
def test_roots_cache_behind_a_closed_folder_is_refused(tmp_path, probe_agent):
    tmp_path.chmod(0o700)
    with pytest.raises(SandboxUnavailable, match="closed to other users"):
        ensure_tree(probe_agent, tmp_path / "cache", silent)


def test_the_cache_of_an_ordinary_user_is_in_their_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "onebyone"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path.home() / ".cache/onebyone"
