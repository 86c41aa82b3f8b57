"""Bytes over a real socket pair, by a deadline."""

import select
import socket
import threading
import time

import pytest

from grader.sandbox.stream import Stream


@pytest.fixture
def ends():
    near, far = socket.socketpair()
    yield near, far
    near.close()
    far.close()


def stream_on(line):
    def wait(direction, deadline):
        left = deadline - time.monotonic()
        readers = [line] if direction == "readable" else []
        writers = [line] if direction == "writable" else []
        if left <= 0 or not any(select.select(readers, writers, [], left)):
            raise TimeoutError

    return Stream(line, wait)


def soon(seconds=5.0):
    return time.monotonic() + seconds


def receive(stream, count, deadline=None):
    buffer = bytearray(count)
    stream.receive(memoryview(buffer), deadline or soon())
    return bytes(buffer)


def test_what_is_sent_in_pieces_is_received_in_others(ends):
    near, far = ends
    for piece in (b"ab", b"cdef", b"g"):
        far.sendall(piece)
    stream = stream_on(near)
    assert [receive(stream, count) for count in (3, 1, 3)] == [b"abc", b"d", b"efg"]


def test_large_and_small_pieces_mix(ends):
    near, far = ends
    large = bytes(range(256)) * 4096
    sender = threading.Thread(target=far.sendall, args=(b"head" + large + b"tail",))
    sender.start()
    stream = stream_on(near)
    assert receive(stream, 4) == b"head"
    assert receive(stream, len(large)) == large
    assert receive(stream, 4) == b"tail"
    sender.join()


def test_many_buffers_are_sent_in_order_to_a_slow_reader(ends):
    near, far = ends
    buffers = [memoryview(bytes([k % 256]) * 700) for k in range(1500)]
    received = bytearray()

    def read():
        while len(received) < 700 * 1500:
            received.extend(far.recv(3000))

    reader = threading.Thread(target=read)
    reader.start()
    stream_on(near).send(buffers, soon())
    reader.join()
    assert received == b"".join(buffers)


def test_a_deadline_ends_the_wait_for_bytes_that_do_not_come(ends):
    near, far = ends
    far.sendall(b"half")
    with pytest.raises(TimeoutError):
        receive(stream_on(near), 8, soon(0.05))


def test_a_deadline_ends_the_wait_for_a_reader_that_does_not_read(ends):
    near, _far = ends
    with pytest.raises(TimeoutError):
        stream_on(near).send([memoryview(bytes(1 << 22))], soon(0.05))


def test_the_end_of_the_stream_is_told(ends):
    near, far = ends
    far.sendall(b"half")
    far.close()
    with pytest.raises(EOFError):
        receive(stream_on(near), 8)


def test_sending_to_nobody_is_told(ends):
    near, far = ends
    far.close()
    with pytest.raises(ConnectionError):
        stream_on(near).send([memoryview(b"hello")], soon())


def test_nothing_is_received_at_once(ends):
    near, _far = ends
    assert receive(stream_on(near), 0, soon(0)) == b""
