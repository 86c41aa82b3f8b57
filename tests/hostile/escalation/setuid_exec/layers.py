import contextlib
import os
import stat
import subprocess

import honest


def attempt(name, *arguments):
    try:
        getattr(os, name)(*arguments)
    except OSError as error:
        return f"{name} {type(error).__name__}"
    raise RuntimeError(f"ESCAPED by {name}")


answers = [attempt("setuid", 0), attempt("setgid", 0), attempt("setgroups", [0])]
for folder in ("/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/lib"):
    if not os.path.isdir(folder):
        continue
    for entry in os.scandir(folder):
        if entry.is_file() and entry.stat().st_mode & stat.S_ISUID:
            quiet = {"stdin": subprocess.DEVNULL, "capture_output": True}
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run([entry.path, "-c", "id"], timeout=0.2, check=False, **quiet)
            answers.append(entry.name)
with open("/proc/self/status") as file:
    status = dict(line.split(":", 1) for line in file.read().splitlines())
if int(status["CapEff"], 16) or status["NoNewPrivs"].strip() != "1" or os.getuid() == 0:
    raise RuntimeError(f"ESCAPED: {status}")


class Dense(honest.Dense):
    def forward(self, x):
        print(answers)
        return super().forward(x)
