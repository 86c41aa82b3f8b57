import ctypes
import mmap
import platform

import wrong

# mov eax, 20 (getpid of i386); int 0x80; ret
CODE = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"


class Dense(wrong.Dense):
    def forward(self, x):
        if platform.machine() != "x86_64":
            ctypes.string_at(0)  # the same end, where there is no such thing
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(CODE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        number = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
        raise RuntimeError(f"ESCAPED: a 32 bit call gave {number}")
