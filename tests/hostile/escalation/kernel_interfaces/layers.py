import socket

import honest
import syscalls

answers = syscalls.attempt_all(
    bpf=(0, 0, 0),
    perf_event_open=(0, 0, -1, -1, 0),
    userfaultfd=(0,),
    io_uring_setup=(1, 0),
    keyctl=(0, -3, 1),
    add_key=(b"user", b"x", b"y", 1, -3),
    kexec_load=(0, 0, 0, 0),
    init_module=(0, 0, b""),
    memfd_secret=(0,),
    quotactl=(0, 0, 0, 0),
    name_to_handle_at=(-100, b"/", 0, 0, 0),
    open_by_handle_at=(-100, 0, 0),
)
for family in ("AF_ALG", "AF_VSOCK", "AF_NETLINK", "AF_PACKET", "AF_INET", "AF_INET6"):
    for make in (socket.socket, socket.socketpair):
        try:
            make(getattr(socket, family), socket.SOCK_STREAM)
        except OSError:
            continue
        raise RuntimeError(f"ESCAPED: has a socket of {family}")


class Dense(honest.Dense):
    def forward(self, x):
        print(answers)
        return super().forward(x)
