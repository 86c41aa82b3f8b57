import os
import shutil
import subprocess
import sys

import honest
import syscalls

answers = syscalls.attempt_all(memfd_create=(b"program", 0))
shutil.copy(os.path.realpath(sys.executable), "program")
os.chmod("program", 0o700)
try:
    subprocess.run(["./program", "-c", ""], check=False, capture_output=True)
    answers += ", scratch ran"
except OSError as error:
    answers += f", scratch {type(error).__name__}"
os.unlink("program")


class Dense(honest.Dense):
    def forward(self, x):
        print(answers)
        return super().forward(x)
