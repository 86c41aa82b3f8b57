import os

import honest

NAME = "onebyone-left-by-an-earlier-one"
PLACES = ("/dev/shm", "/tmp", "/var/tmp", "/scratch", os.path.expanduser("~"), ".")
paths = [os.path.join(place, NAME) for place in PLACES]
found = [path for path in paths if os.path.exists(path)]
left = []
for path in paths:
    try:
        with open(path, "w") as file:
            file.write("the answer is 42")
        left.append(path)
    except OSError:
        pass


class Dense(honest.Dense):
    def forward(self, x):
        print("left in", left)
        if found:
            raise RuntimeError(f"ESCAPED: found {found}")
        return super().forward(x)
