"""What Schemathesis can't know of Callboard: who calls, and which rules no schema can tell.

scripts/contract names this module in SCHEMATHESIS_HOOKS and gives CALLBOARD_URL,
ADMIN_EMAIL, ADMIN_PASSWORD and the program in CALLBOARD_API. It runs the API behind a
trusted proxy, which is us.
"""

import itertools
import os
import subprocess
import threading
import uuid

import requests
import schemathesis

URL = os.environ["CALLBOARD_URL"]
ADMIN = {"login": os.environ["ADMIN_EMAIL"], "password": os.environ["ADMIN_PASSWORD"]}
PASSWORD = "seven violet kettles humming"

# Who calls these risks their session, so it is nobody that others need.
RISKY = ("/api/v1/auth/", "/api/v1/users/me")

# After these, where they succeed, their caller can't call any more.
FINAL = {
    ("POST", "/api/v1/auth/logout"),
    ("POST", "/api/v1/auth/change-password"),
    ("DELETE", "/api/v1/auth/sessions/{id}"),
    ("PUT", "/api/v1/users/me"),
    ("PATCH", "/api/v1/users/me"),
    ("DELETE", "/api/v1/users/me"),
}

# Requests that fit the description and are refused all the same, by the code of the
# problem or of each of its errors. Whatever else refuses such a request is a failure.
ANYWHERE = {
    "idempotency_key_reused",  # a key that another request came with
    "precondition_failed",  # another version than the present one
    "empty",  # texts are trimmed: a text of blanks is none
    "invalid_characters",  # control characters, and those that turn the direction of text
    "unknown_reference",  # the id of a row that isn't there
    "invalid_email",  # stricter than JSON Schema's format: no quotes, no addresses of hosts
    "invalid_url",  # stricter as well: http and https, without a name or password in it
}
LIST = {
    "conflicting_parameters",  # cursor and skip
    "invalid_cursor",  # only the API makes cursors
    "invalid_sort",  # the same column twice
}
PRICE = {
    "not_positive",
    "too_many_digits",  # for its currency
    "unknown_value",  # three letters that are no currency
}
WEAK = {"too_weak", "contains_personal_data"}  # what a password may be depends on whose it is
# A code or a recovery code, not both; those are taken with and without hyphens.
FACTOR = {"wrong_password", "wrong_code", "invalid_code", "required", "duplicate_field"}
RULES = {
    "GET /api/v1/accounts": LIST,
    "GET /api/v1/api-keys": LIST,
    "GET /api/v1/audit-log": LIST,
    "GET /api/v1/items": LIST,
    "GET /api/v1/jobs": LIST,
    "GET /api/v1/profiles": LIST,
    "GET /api/v1/users": LIST,
    "GET /api/v1/auth/oauth/{provider}/callback": {"oauth_state_invalid"},
    "POST /api/v1/api-keys": {"in_the_past", "too_far"},
    "POST /api/v1/auth/change-email": {"wrong_password"},
    "POST /api/v1/auth/change-password": WEAK | {"wrong_password"},
    "POST /api/v1/auth/confirm-email": {"email_change_token_invalid"},
    "POST /api/v1/auth/login": {"required", "duplicate_field"},  # login or username, not both
    "POST /api/v1/auth/login/totp": FACTOR,
    "POST /api/v1/auth/register": WEAK,
    "POST /api/v1/auth/reset-password": WEAK | {"reset_token_invalid"},
    "POST /api/v1/auth/totp": {"wrong_password"},
    "POST /api/v1/auth/totp/confirm": {"wrong_code"},
    "POST /api/v1/auth/totp/disable": FACTOR,
    "POST /api/v1/auth/totp/recovery-codes": FACTOR,
    "POST /api/v1/auth/verify-email": {"verification_token_invalid"},
    "POST /api/v1/items": PRICE,
    "PUT /api/v1/items/{id}": PRICE,
    "PATCH /api/v1/items/{id}": PRICE,
    "POST /api/v1/users": WEAK,
}

# Pages, and forms that are answered with one, where the link of the mail is no good.
PAGES = {
    "GET /api/v1/auth/reset-password",
    "POST /api/v1/auth/confirm-email",
    "POST /api/v1/auth/reset-password",
    "POST /api/v1/auth/verify-email",
}

lock = threading.RLock()
numbers = itertools.count(1)


class Caller:
    """A user who has logged in."""

    def __init__(self, login, password):
        answer = send("POST", "/api/v1/auth/login", {"login": login, "password": password})
        self.token = answer["access_token"]
        self.id = send("GET", "/api/v1/users/me", token=self.token)["id"]


def send(method, path, body=None, token=None):
    """A request of our own, from an address that has failed at nothing yet."""
    headers = {"X-Forwarded-For": address()}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    answer = requests.request(method, URL + path, json=body, headers=headers, timeout=30)
    assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json()


def address():
    number = next(numbers)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Callers:
    """The admin, for nearly everything, and guests, for what may end a session."""

    def __init__(self):
        self.known_admin = None
        self.known_guest = None
        self.gone = set()

    def admin(self):
        if self.known_admin is None:
            self.known_admin = Caller(**ADMIN)
        return self.known_admin

    def guest(self):
        if self.known_guest is None:
            self.known_guest = self.new_guest()
        return self.known_guest

    def new_guest(self):
        # An admin too, who may set all fields of a user, and whose address is verified.
        email = f"guest{next(numbers)}@contract.example"
        environment = os.environ | {"ADMIN_PASSWORD": PASSWORD}
        command = [os.environ["CALLBOARD_API"], "create-admin", "--email", email]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        return Caller(email, PASSWORD)

    def new_user(self):
        body = {"email": f"user{next(numbers)}@contract.example"}
        return send("POST", "/api/v1/users", body, token=self.admin().token)["id"]

    def of(self, path):
        return self.guest() if path.startswith(RISKY) else self.admin()

    def dismiss_guest(self):
        if self.known_guest:
            self.gone.add(self.known_guest.token)
            self.known_guest = None

    def needed(self):
        return {caller.id for caller in (self.known_admin, self.known_guest) if caller}


callers = Callers()


@schemathesis.auth(refresh_interval=None)
class Session:
    """Says who calls."""

    def get(self, case, ctx):
        with lock:
            return callers.of(ctx.operation.path).token

    def set(self, case, data, ctx):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gets requests further than chance would: most have what only we know."""
    with lock:
        case.headers = case.headers or {}
        case.headers["X-Forwarded-For"] = address()
        # Requests are made some time before they are sent.
        if case.headers.get("Authorization", "").removeprefix("Bearer ") in callers.gone:
            case.headers["Authorization"] = f"Bearer {callers.of(case.path).token}"
        if is_positive(case) and next(numbers) % 4 != 0:
            if "Idempotency-Key" in case.headers:
                case.headers["Idempotency-Key"] = str(uuid.uuid4())
            if isinstance(case.body, dict):
                case.body = knowing(case, dict(case.body))
            if case.path.startswith("/api/v1/jobs/{id}"):
                case.path_parameters["id"] = a_job(case.path) or case.path_parameters["id"]
            if case.path == "/api/v1/auth/sessions/{id}":
                sessions = send("GET", "/api/v1/auth/sessions", token=callers.guest().token)
                case.path_parameters["id"] = sessions["items"][0]["id"]
        # Who calls is needed to the end.
        if case.path == "/api/v1/users/{id}" and case.method.upper() != "GET":
            if str(case.path_parameters.get("id")) in callers.needed():
                case.path_parameters["id"] = callers.new_user()


def a_job(path):
    """One that has ended, where it is to run again, and one that waits elsewhere."""
    state = "cancelled" if path.endswith("/retry") else "queued"
    found = send("GET", f"/api/v1/jobs?state={state}&limit=1", token=callers.admin().token)["items"]
    return found[0]["id"] if found else None


def knowing(case, body):
    if "current_password" in body:
        body["current_password"] = PASSWORD
    for name in ("password", "new_password"):
        if name in body:
            body[name] = f"quiet lantern {next(numbers)} over the harbour"
    # The ids of the examples are nobody's.
    for name in ("account_id", "profile_id"):
        if next(numbers) % 2 == 0:
            body.pop(name, None)
    if "username" in body:
        body["username"] = f"user{next(numbers)}"
    if case.path == "/api/v1/auth/login":
        body.pop("username", None)
        body.pop("login", None)
        body["username"] = ADMIN["login"]
        body["password"] = ADMIN["password"]
    return body


@schemathesis.hook
def after_call(context, case, response):
    is_final = (case.method.upper(), case.path) in FINAL and response.status_code < 300
    # One who has failed too often waits; another doesn't.
    if is_final or (response.status_code == 429 and case.path.startswith(RISKY)):
        with lock:
            callers.dismiss_guest()


def is_positive(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


@schemathesis.check
def refused_by_rule(ctx, response, case):
    """What fits the description is refused only by a rule that is listed here."""
    if not is_positive(case) or response.status_code not in (400, 412, 422):
        return
    label = case.operation.label
    if response.headers.get("content-type", [""])[0].startswith("text/html"):
        assert label in PAGES, f"{label} answers with a page"
        return
    problem = response.json()
    codes = {error["code"] for error in problem.get("errors", [])} or {problem["code"]}
    unknown = codes - ANYWHERE - RULES.get(label, set())
    assert not unknown, f"no rule of {label} in callboard_hooks.py says: {', '.join(sorted(unknown))}"


@schemathesis.check
def caller_is_known(ctx, response, case):
    """A run whose session has ended would find nothing and call it fine."""
    if is_positive(case) and response.status_code == 401 and case.operation.definition.raw.get("security"):
        code = response.json()["code"]
        assert code not in ("unauthenticated", "invalid_token"), f"the session of the run has ended: {code}"


@schemathesis.check
class EveryOperationSucceeds:
    """Refusals alone would prove little: each operation succeeds at least once."""

    # What needs the code of an app, the token of a mail, or a provider.
    OUT_OF_REACH = {
        "DELETE /api/v1/auth/oauth/{provider}",
        "GET /api/v1/auth/oauth/{provider}",
        "GET /api/v1/auth/oauth/{provider}/callback",
        "GET /api/v1/auth/reset-password",
        # No worker runs that declares one.
        "GET /api/v1/schedules/{name}",
        "PATCH /api/v1/schedules/{name}",
        "POST /api/v1/schedules/{name}/run",
        # Whether a job was cancelled before is chance.
        "POST /api/v1/jobs/{id}/retry",
        "POST /api/v1/auth/confirm-email",
        "POST /api/v1/auth/login/totp",
        "POST /api/v1/auth/reset-password",
        "POST /api/v1/auth/totp/confirm",
        "POST /api/v1/auth/totp/disable",
        "POST /api/v1/auth/totp/recovery-codes",
        "POST /api/v1/auth/verify-email",
    }

    def __init__(self):
        self.tried = set()
        self.succeeded = set()

    def after_response(self, ctx, response, case):
        self.tried.add(case.operation.label)
        if response.status_code < 400:
            self.succeeded.add(case.operation.label)

    def after_run(self, ctx):
        failed = self.tried - self.succeeded - self.OUT_OF_REACH
        assert not failed, "never succeeded: " + ", ".join(sorted(failed))
