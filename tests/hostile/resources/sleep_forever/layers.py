import select

import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        select.select([], [], [])
