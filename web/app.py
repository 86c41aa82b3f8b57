"""The application: everything put together."""

from collections.abc import Callable

from apiflask import APIFlask

from web.accounts.views import accounts
from web.courses.views import courses
from web.operations.views import operations
from web.pages import set_up_pages
from web.rules import keep_rules, require_rules
from web.security import secure
from web.services import make_services
from web.settings import Settings


def create_app(settings: Settings, fit: Callable[[], None] = lambda: None) -> APIFlask:
    """The application. Its database must be migrated; its workers are not started.

    Args:
        settings: Of the service.
        fit: Raises MachineUnfit where strangers' code may not run; asked before the first grading.
    """
    app = APIFlask(
        "web", title="Onebyone", version="1", docs_path=None, spec_path=None, json_errors=False
    )
    app.extensions["onebyone"] = make_services(settings, fit)
    secure(app, settings)
    set_up_pages(app)
    for blueprint in (accounts, courses, operations):
        app.register_blueprint(blueprint)
    keep_rules(app)
    require_rules(app)
    return app
