import sys

import wrong

TEXT = (
    "\x1b[2J\x1b[1;1H\x1b]0;100 of 100\x07\x1b]52;c;cm0=\x07\x9b31m\u202e001 :erocs\u202c\u200b"
    "\r100 / 100\x08\x08<script>alert(1)</script>&amp;\ud800\u2028\U000e0041"
)


class Dense(wrong.Dense):
    def forward(self, x):
        print(TEXT.encode("utf-8", "replace").decode())
        sys.stdout.buffer.write(TEXT.encode("utf-8", "surrogatepass"))
        raise RuntimeError(TEXT)
