"""An agent for tests: runs the code that it is sent and answers with what that printed."""

import contextlib
import io
import socket
import sys
import traceback

channel = socket.socket(fileno=int(sys.argv[1].removeprefix("fd:")))
output = socket.socket(fileno=int(sys.argv[2].removeprefix("fd:")))
stream = channel.makefile("rwb")
names = {"scratch": sys.argv[3]}
while len(size := stream.read(8)) == 8:
    code = stream.read(int.from_bytes(size, "big")).decode()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(code, names)
        except Exception:
            traceback.print_exc(file=printed)
    answer = printed.getvalue().encode()
    stream.write(len(answer).to_bytes(8, "big") + answer)
    stream.flush()
