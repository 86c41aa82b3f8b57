import honest
import syscalls

NEWUSER = 0x10000000
answers = syscalls.attempt_all(
    unshare=(NEWUSER,), setns=(0, NEWUSER), clone=(NEWUSER | 17, 0, 0, 0, 0), clone3=(0, 0)
)


class Dense(honest.Dense):
    def forward(self, x):
        print(answers)
        return super().forward(x)
