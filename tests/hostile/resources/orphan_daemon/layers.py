import os
import time

import honest

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 256)
        time.sleep(1000)
    os._exit(0)
os.wait()

Dense = honest.Dense
