"""What the kernel counts, read from files as both versions of its interface write them."""

from grader.sandbox.memory import Memory, memory_of_group, oom_kills_of_group


def write(folder, **files):
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_version_1(tmp_path):
    write(
        tmp_path,
        memory__usage_in_bytes="4096\n",
        memory__max_usage_in_bytes="8192\n",
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
    )
    assert memory_of_group(tmp_path) == Memory(4096, 8192)
    assert oom_kills_of_group(tmp_path) == 3


def test_version_2(tmp_path):
    write(
        tmp_path,
        memory__current="4096\n",
        memory__peak="8192\n",
        memory__events="low 0\nmax 7\noom 9\noom_kill 0\noom_group_kill 0\n",
    )
    assert memory_of_group(tmp_path) == Memory(4096, 8192)
    assert oom_kills_of_group(tmp_path) == 0


def test_a_group_that_is_gone_or_a_kernel_that_does_not_count_tells_nothing(tmp_path):
    assert memory_of_group(tmp_path) is None
    assert oom_kills_of_group(tmp_path) is None
    write(tmp_path, memory__events="low 0\noom_kill many\n")
    assert oom_kills_of_group(tmp_path) is None
