import os
import time

import honest
import syscalls

child = os.fork()
if child == 0:
    time.sleep(1000)
answers = syscalls.attempt_all(
    ptrace=(16, child, 0, 0),
    process_vm_readv=(1, 0, 0, 0, 0, 0),
    process_vm_writev=(1, 0, 0, 0, 0, 0),
    pidfd_getfd=(0, 0, 0),
    kcmp=(1, child, 0, 0, 0),
)
os.kill(child, 9)
os.waitpid(child, 0)


class Dense(honest.Dense):
    def forward(self, x):
        print(answers)
        return super().forward(x)
