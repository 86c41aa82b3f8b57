import signal

import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        return 10**10**8
