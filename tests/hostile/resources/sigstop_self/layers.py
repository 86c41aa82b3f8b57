import os
import signal
import time

import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(1000)  # as the first process of a namespace it is not stopped
