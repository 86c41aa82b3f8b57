"""The application: everything put together."""

from collections.abc import Callable

from apiflask import APIFlask
from werkzeug.routing import IntegerConverter, Map

from web.accounts.oidc import set_up_sign_on
from web.accounts.views import accounts
from web.api.rosters import rosters as api_rosters
from web.api.scores import scores
from web.api.setting import setting
from web.api.staff import staff
from web.api.student import api
from web.courses.roster_views import rosters
from web.courses.views import courses
from web.dispatch.views import runners
from web.gradebook.export_views import exports
from web.operations.views import operations
from web.pages import set_up_pages
from web.rules import keep_rules, require_rules
from web.security import identify, secure
from web.services import make_services
from web.settings import Settings
from web.submissions.views import submissions
from web.teaching.acts import acts
from web.teaching.views import teaching


class _RowId(IntegerConverter):
    """A number in an address is a row's, and no database has more of them."""

    def __init__(self, map: Map) -> None:  # noqa: A002 - werkzeug's name
        super().__init__(map, min=1, max=2**31 - 1)


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
    app.url_map.converters["int"] = _RowId
    secure(app, settings)
    set_up_pages(app)
    pages = (accounts, courses, submissions, teaching, acts, rosters, exports, operations)
    for blueprint in (*pages, runners, api, staff, setting, api_rosters, scores):
        app.register_blueprint(blueprint)
    set_up_sign_on(app, settings)
    keep_rules(app, identify)
    require_rules(app)
    return app
