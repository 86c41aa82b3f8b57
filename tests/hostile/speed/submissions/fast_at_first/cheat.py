"""Shows right and fast code while the size of the work is found, and slow code later."""

import core


class Dense(core.Dense):
    calls = 0

    @property
    def repeats(self):
        self.calls += 1
        return 1 if self.calls <= 8 else 8
