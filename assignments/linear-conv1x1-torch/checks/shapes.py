"""Sizes that every check tries, whatever else is drawn: some mistakes hide where sizes agree."""

LINEAR = (
    {"leading": [], "inputs": 4, "outputs": 6, "bias": True},
    {"leading": [3], "inputs": 4, "outputs": 6, "bias": True},
    {"leading": [4, 4], "inputs": 4, "outputs": 4, "bias": True},
    {"leading": [2, 5, 3], "inputs": 4, "outputs": 6, "bias": True},
)
CONVOLUTIONS = (
    {"batch": 2, "spatial": [5], "channels": 3, "outputs": 4},
    {"batch": 3, "spatial": [2, 5], "channels": 4, "outputs": 6},
    {"batch": 4, "spatial": [4, 4], "channels": 4, "outputs": 4},
    {"batch": 2, "spatial": [2, 3, 5], "channels": 4, "outputs": 3},
)
"""Each rank with sizes that differ, and one in which all are equal."""

BIASED = tuple({**case, "bias": True} for case in CONVOLUTIONS)
STRIDED = (
    {"batch": 2, "spatial": [7], "stride": 3},
    {"batch": 2, "spatial": [5, 4], "stride": 2},
    {"batch": 2, "spatial": [3, 5, 4], "stride": 2},
)
