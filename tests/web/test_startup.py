"""What a process of the service does once, when all that it needs is loaded."""

import gc

from web.startup import freeze_loaded


def test_what_is_loaded_is_left_alone_and_what_comes_later_is_not():
    loaded = [[]]
    before = gc.get_freeze_count()
    freeze_loaded()
    try:
        later = [[]]
        assert gc.get_freeze_count() > before
        tracked = {id(each) for each in gc.get_objects()}
        assert id(loaded) not in tracked
        assert id(later) in tracked
    finally:
        gc.unfreeze()
