import ctypes
import glob

import honest

devices = glob.glob("/dev/nvidia*") + glob.glob("/dev/dri/*") + glob.glob("/dev/kfd")
try:
    ctypes.CDLL("libcuda.so.1").cuInit(0)
    devices.append("libcuda")
except OSError:
    pass
if devices:
    raise RuntimeError(f"has {devices}")


class Dense(honest.Dense):
    def forward(self, x):
        print("no GPU")
        return super().forward(x)
