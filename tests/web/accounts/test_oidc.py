"""Single sign-on against a real provider: a server with a key of its own."""

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from web.accounts.models import User
from web.courses.models import Act, Enrolment

CLIENT, SECRET = "onebyone-client", "s" * 40


class Provider:
    """An OpenID provider; tests set what it says."""

    def __init__(self):
        self.key = RSAKey.generate_key(2048, {"kid": "k1"}, auto_kid=False)
        self.other_key = RSAKey.generate_key(2048, {"kid": "k1"}, auto_kid=False)
        self.says, self.metadata = {}, {}
        self.sign = self._sign
        self.codes = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                found = {
                    "/.well-known/openid-configuration": provider.document,
                    "/jwks": lambda: {"keys": [provider.key.as_dict(private=False)]},
                }.get(self.path)
                self.reply(200 if found else 404, found() if found else {})

            def do_POST(self):
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = {name: values[0] for name, values in parse_qs(form).items()}
                self.reply(*provider.token(fields, self.headers.get("Authorization", "")))

            def reply(self, status, body):
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def document(self):
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            **self.metadata,
        }

    def authorize(self, address):
        """What the browser does there: the address that it is sent back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["nonce"]) > 10
        code = secrets.token_hex(8)
        self.codes[code] = asked
        back = urlsplit(asked["redirect_uri"])
        return f"{back.path}?code={code}&state={asked['state']}"

    def token(self, fields, authorization):
        asked = self.codes.pop(fields.get("code"), None)  # a code is good once
        client = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
        if (
            asked is None
            or authorization != f"Basic {client}"
            or base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]
            or fields["redirect_uri"] != asked["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "248289761001",
            "iat": int(time.time()),
            "exp": int(time.time()) + 300,
            "nonce": asked["nonce"],
            **self.says,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return 200, {
            "access_token": "t",
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": self.sign(claims),
        }

    def _sign(self, claims):
        return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.key)


@pytest.fixture
def provider():
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def settings(settings, provider):
    return replace(
        settings,
        oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        oidc_name="University sign-on",
    )


@pytest.fixture
def newcomer(service, course):
    """Sam, as a roster made him: with an e-mail address and no password."""

    def change(**values):
        with service.database.writing() as rows:
            sam = rows.get(User, course.people["sam"].id)
            sam.password_hash, sam.email = None, "Sam@Example.org"
            for name, value in values.items():
                setattr(sam, name, value)

    change()
    return change


@pytest.fixture
def sign_on(app, provider):
    """A function that signs a browser on; its answer and the browser."""

    def do(client=None, **says):
        provider.says = {"email": "sam@example.org", "email_verified": True, **says}
        client = client or app.test_client()
        answer = client.get("/oidc/start?next=/account")
        assert answer.status_code == 302, answer.text
        return client.get(provider.authorize(answer.headers["Location"])), client

    return do


def is_signed_in(client):
    return client.get("/account").status_code == 200


def test_the_page_shows_the_button(app):
    assert "University sign-on" in app.test_client().get("/sign-in").text


def test_who_was_put_into_a_course_signs_on_by_verified_e_mail_and_then_by_subject(
    newcomer, sign_on, service, course
):
    answer, client = sign_on()
    assert (answer.status_code, answer.headers["Location"]) == (302, "/account")
    assert is_signed_in(client)
    answer, client = sign_on(email="another@example.org", email_verified=False)
    assert is_signed_in(client)
    with service.database.reading() as rows:
        assert rows.get(User, course.people["sam"].id).oidc_subject.endswith(" 248289761001")
        assert rows.query(Act).filter_by(verb="link sign-on").count() == 1


@pytest.mark.parametrize(
    "says",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email": None},
        {"email": ""},
        {"email": ["sam@example.org"]},
        {"email": "%"},
        {"email": "stranger@example.org"},
        {"sub": "x" * 300},
    ],
)
def test_who_is_not_known_gets_no_account_and_no_role(newcomer, sign_on, service, says):
    with service.database.reading() as rows:
        before = rows.query(User).count(), rows.query(Enrolment).count()
    answer, client = sign_on(**says)
    assert answer.status_code == 403
    assert "Ask your instructor" in answer.text
    assert not is_signed_in(client)
    with service.database.reading() as rows:
        assert (rows.query(User).count(), rows.query(Enrolment).count()) == before


@pytest.mark.parametrize(
    "state",
    [
        {"password_hash": "$argon2id$x"},
        {"oidc_subject": "https://other.example.org 1"},
        {"is_admin": True},
    ],
    ids=["a password", "another subject", "an administrator"],
)
def test_an_account_that_is_in_use_is_not_taken_over(newcomer, sign_on, state):
    newcomer(**state)
    answer, client = sign_on()
    assert answer.status_code == 403
    assert not is_signed_in(client)


def test_two_accounts_with_one_address_are_not_chosen_from(newcomer, sign_on, service, course):
    with service.database.writing() as rows:
        tess = rows.get(User, course.people["tess"].id)
        tess.password_hash, tess.email = None, "sam@example.org"
    answer, _ = sign_on()
    assert answer.status_code == 403


def test_a_disabled_account_stays_closed(newcomer, sign_on):
    from web.database import now

    sign_on()
    newcomer(disabled_at=now())
    answer, client = sign_on()
    assert answer.status_code == 403
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "says",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": ["another-client"]},
        {"aud": None},
        {"iss": "https://evil.example.org"},
        {"iss": None},
        {"exp": int(time.time()) - 3600, "iat": int(time.time()) - 7200},
        {"exp": None},
        {"sub": None},
        {"sub": 7},
    ],
    ids=lambda says: "-".join(f"{name} {str(value)[:20]}" for name, value in says.items()),
)
def test_a_token_that_is_not_for_this_sign_on_is_refused(newcomer, sign_on, says):
    answer, client = sign_on(**says)
    assert answer.status_code == 403, answer.text
    assert not is_signed_in(client)


def test_a_token_for_us_among_others_is_good(newcomer, sign_on):
    assert is_signed_in(sign_on(aud=[CLIENT], azp=CLIENT)[1])


@pytest.mark.parametrize("how", ["another key", "our secret", "none"])
def test_a_signature_that_is_not_the_issuers_is_refused(newcomer, sign_on, provider, how):
    def none(claims):
        head = base64.urlsafe_b64encode(b'{"alg":"none","kid":"k1"}').decode().rstrip("=")
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        return f"{head}.{body}."

    provider.sign = {
        "another key": lambda claims: jwt.encode(
            {"alg": "RS256", "kid": "k1"}, claims, provider.other_key
        ),
        "our secret": lambda claims: jwt.encode(
            {"alg": "HS256", "kid": "k1"}, claims, OctKey.import_key(SECRET)
        ),
        "none": none,
    }[how]
    answer, client = sign_on()
    assert answer.status_code in (403, 502), answer.text
    assert not is_signed_in(client)


def test_a_callback_is_good_once_and_in_its_own_browser(app, newcomer, provider):
    provider.says = {"email": "sam@example.org", "email_verified": True}
    client = app.test_client()
    back = provider.authorize(client.get("/oidc/start").headers["Location"])
    stranger = app.test_client()
    assert stranger.get(back).status_code == 403
    assert not is_signed_in(stranger)
    assert client.get(back).status_code == 302
    assert client.get(back).status_code == 403
    assert stranger.get(back).status_code == 403


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=x", "?code=x&state=x", "?error=access_denied&state=x"]
)
def test_a_callback_out_of_nowhere_is_refused(app, course, query):
    assert app.test_client().get(f"/oidc/callback{query}").status_code == 403


def test_nobody_is_sent_to_another_service_afterwards(app, newcomer, provider):
    provider.says = {"email": "sam@example.org", "email_verified": True}
    client = app.test_client()
    start = client.get("/oidc/start?next=https://evil.example.org/")
    answer = client.get(provider.authorize(start.headers["Location"]))
    assert answer.headers["Location"] == "/"


def test_metadata_of_another_issuer_are_not_followed(app, course, provider):
    provider.metadata = {"issuer": "https://evil.example.org"}
    answer = app.test_client().get("/oidc/start")
    assert answer.status_code == 502
    assert "try again later" in answer.text


def test_an_issuer_that_is_gone_is_told_in_plain_words(app, course, provider):
    provider.server.server_close()
    answer = app.test_client().get("/oidc/start")
    assert answer.status_code == 502
    assert "does not answer" in answer.text
