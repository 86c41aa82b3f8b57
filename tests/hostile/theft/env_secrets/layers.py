import os

import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        print(dict(os.environ), *sorted(os.environb.items()))
        return super().forward(x)
