"""What the application works with, made once."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, RateLimiter

from web.accounts.uses import TokenUses
from web.database import Database
from web.grading.queue import Places
from web.grading.worker import Workers
from web.settings import Settings
from web.storage import BlobStore

_KEY = "onebyone"


@dataclass(frozen=True)
class Services:
    """Everything that outlives a request."""

    settings: Settings
    database: Database
    blobs: BlobStore
    workers: Workers
    places: Places
    token_uses: TokenUses
    limiter: RateLimiter


def make_services(settings: Settings, fit: Callable[[], None] = lambda: None) -> Services:
    """Open what the settings name.

    Args:
        settings: Of the service.
        fit: Raises MachineUnfit where strangers' code may not run.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    database = Database(settings.url)
    blobs = BlobStore(settings.data / "blobs")
    workers = Workers(settings, database, blobs, fit)
    limiter = FixedWindowRateLimiter(MemoryStorage())
    return Services(settings, database, blobs, workers, Places(), TokenUses(database), limiter)


def services() -> Services:
    """Those of the application that answers this request."""
    found: Services = current_app.extensions[_KEY]
    return found
