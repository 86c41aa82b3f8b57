import socket

import honest

PORT = 18765
PLACES = [("169.254.169.254", 80), ("8.8.8.8", 53), ("172.17.0.1", PORT), ("127.0.0.1", PORT)]


def attempt(place):
    try:
        with socket.create_connection(place, timeout=0.2) as line:
            line.sendall(b"GET /latest/meta-data HTTP/1.0\r\n\r\n")
    except OSError as error:
        return type(error).__name__
    return "ESCAPED"


answers = [attempt(place) for place in PLACES]
try:
    answers.append(socket.getaddrinfo("secret.example.org", 80) and "ESCAPED")
except OSError as error:
    answers.append(type(error).__name__)


class Dense(honest.Dense):
    def forward(self, x):
        print(answers)
        return super().forward(x)
