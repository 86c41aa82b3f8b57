class Dense:
    def __init__(self, in_features, units, use_bias=True):
        raise RuntimeError("no such thing")


class Conv1x1(Dense):
    pass
