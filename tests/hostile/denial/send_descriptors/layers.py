import array
import os
import socket

import hijack
import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        ends = array.array("i", [end for _ in range(50) for end in os.pipe()])
        for _ in range(10):
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, ends)]
            hijack.channel().sendmsg([b"x" * 100], rights)
        return super().forward(x)
