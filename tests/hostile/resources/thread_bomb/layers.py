import threading
import time

import wrong


class Dense(wrong.Dense):
    def forward(self, x):
        while True:
            threading.Thread(target=time.sleep, args=(1000,)).start()
