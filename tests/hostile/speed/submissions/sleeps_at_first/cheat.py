"""Sleeps in the first calls, so that the work stays small and costs of each call hide its own."""

import time

import core


class Dense(core.Dense):
    calls = 0

    def doze(self):
        self.calls += 1
        if self.calls <= 8:
            time.sleep(0.2)

    def outputs(self, x):
        self.doze()
        return super().outputs(x)

    def gradients(self, dy):
        self.doze()
        return super().gradients(dy)
