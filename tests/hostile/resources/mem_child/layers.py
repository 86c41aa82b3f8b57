import os

import honest

child = os.fork()
if child == 0:
    hoard = []
    while True:
        hoard.append(bytearray(b"x" * (16 << 20)))
print("the child ended with", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

Dense = honest.Dense
