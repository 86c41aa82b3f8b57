"""Sizes that every check tries, whatever else is drawn: some mistakes hide where sizes agree."""

FORMATS = ("channels_last", "channels_first")

DENSE = (
    {"leading": [3], "inputs": 4, "units": 6, "use_bias": True},
    {"leading": [4, 4], "inputs": 4, "units": 4, "use_bias": True},
    {"leading": [2, 5, 3], "inputs": 4, "units": 6, "use_bias": True},
)
CONVOLUTIONS = (
    {"batch": 2, "spatial": [5], "channels": 3, "filters": 4},
    {"batch": 3, "spatial": [2, 5], "channels": 4, "filters": 6},
    {"batch": 4, "spatial": [4, 4], "channels": 4, "filters": 4},
    {"batch": 2, "spatial": [2, 3, 5], "channels": 4, "filters": 3},
)
"""Each rank with sizes that differ, and one in which all are equal."""

BIASED = tuple({**case, "use_bias": True} for case in CONVOLUTIONS)
STRIDED = tuple(
    {"batch": 2, "spatial": spatial, "strides": strides, "data_format": data_format}
    for data_format in FORMATS
    for spatial, strides in (([7], 3), ([5, 4], 2), ([3, 5, 4], 2))
)
