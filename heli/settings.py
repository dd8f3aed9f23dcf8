"""Settings, all by environment, safe when nothing is set.

Without DATABASE_URL the embedded PostgreSQL under HELI_VAR is used. Secrets come from the environment; in
development they are made once and kept in HELI_VAR/secrets.json (mode 0600). Production (HELI_DEBUG off) refuses
to start without its own.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONCE
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from psycopg.conninfo import conninfo_to_dict

from heli import localpg

ROOT = Path(__file__).resolve().parent.parent


def flag(name: str, default: bool = False) -> bool:
    return os.environ.get(name, "1" if default else "0").lower() in {"1", "true", "yes", "on"}


VAR = Path(os.environ.get("HELI_VAR", ROOT / "var")).resolve()
DEBUG = flag("HELI_DEBUG")
DEMO = flag("HELI_DEMO")
if DEMO and not DEBUG:
    raise ImproperlyConfigured("HELI_DEMO opens one-click logins, so it is refused while HELI_DEBUG is off.")


# Secrets -------------------------------------------------------------------------------------------------------------
def development_secrets() -> dict[str, str]:
    """Secrets of this machine's development copy, made once: {name: text}."""
    path = VAR / "secrets.json"
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        made = {
            "HELI_SECRET_KEY": "dev-" + secrets.token_urlsafe(48),
            "HELI_VAULT_KEYS": "dev1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            "HELI_VAULT_INDEX_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        VAR.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(made))
        try:
            os.link(draft, path)  # the first of two processes wins; both then read the same file
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return dict(json.loads(path.read_text()))


def secret(name: str) -> str:
    value = os.environ.get(name, "")
    if DEBUG:
        return value or development_secrets()[name]
    if not value or "dev" in value[:4]:
        raise ImproperlyConfigured(f"{name} must be set, and must not be a development secret, when HELI_DEBUG is off.")
    return value


SECRET_KEY = secret("HELI_SECRET_KEY")
# Keys before this one: what they signed still counts, nothing new is signed with them (docs/operating.md, Keys)
SECRET_KEY_FALLBACKS = [k for k in os.environ.get("HELI_SECRET_KEY_FALLBACKS", "").split(",") if k]
HELI_VAULT_KEYS = secret("HELI_VAULT_KEYS")  # "id:base64 of 32 bytes", comma separated; the first one seals, all open
HELI_VAULT_INDEX_KEY = secret("HELI_VAULT_INDEX_KEY")

# Database ------------------------------------------------------------------------------------------------------------
# Two logins: the application's (heli_app: cannot change events) and the owner's (migrations, imports of areas).
_embedded = localpg.urls(VAR)
APP_URL = os.environ.get("DATABASE_URL") or _embedded.app_url
OWNER_URL = os.environ.get("HELI_OWNER_DATABASE_URL") or os.environ.get("DATABASE_URL") or _embedded.owner_url


def database(url: str, **session: str) -> dict[str, Any]:
    """Django's settings of a database; `session` are settings of PostgreSQL for each connection."""
    parts = conninfo_to_dict(url)
    extra = {k: v for k, v in parts.items() if k not in {"dbname", "user", "password", "host", "port"}}
    if session:
        extra["options"] = " ".join(
            [str(extra.get("options", "")), *(f"-c {k}={v}" for k, v in session.items())]
        ).strip()
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.get("dbname", "heli"),
        "USER": parts.get("user", ""),
        "PASSWORD": parts.get("password", ""),
        "HOST": parts.get("host", ""),
        "PORT": parts.get("port", ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": False,
        # After five times a statement is kept prepared, so that it is read and looked up once a connection.
        # HELI_DB_PREPARE=0 where a pooler between gives a connection away after each transaction (PgBouncer before 1.21).
        "OPTIONS": {
            **extra,
            "server_side_binding": True,
            "prepare_threshold": 5 if flag("HELI_DB_PREPARE", default=True) else None,
        },
    }


# One who holds a lock for long must not hold every thread of the server with it. And a plan is made for the values it is
# asked with: one that fits any county reads half of a county to sort it (a list of 50: 25 ms instead of 1).
_by_values = {"plan_cache_mode": "force_custom_plan"}
DATABASES = {
    "default": database(OWNER_URL) if flag("HELI_DB_AS_OWNER") else database(APP_URL, lock_timeout="20s", **_by_values)
}
if _replica := os.environ.get("HELI_REPLICA_URL"):  # a standby for boards: core/replica.py. It refuses every write
    DATABASES["replica"] = database(_replica, default_transaction_read_only="on", **_by_values)
    DATABASES["replica"]["OPTIONS"]["connect_timeout"] = 2
DATABASE_ROUTERS = ["heli.core.replica.Router"]
HELI_REPLICA_LAG = float(os.environ.get("HELI_REPLICA_LAG", "15"))  # seconds; further behind, it is not asked
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Rooms ---------------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "heli.web",
    "heli.demo",
    "heli.api",
    "heli.hooks",
    "heli.ops",
    "heli.insight",
    "heli.snaps",
    "heli.wishes",
    "heli.volunteering",
    "heli.suggestions",
    "heli.notices",
    "heli.oversight",
    "heli.loop",
    "heli.ledger",
    "heli.orgs",
    "heli.people",
    "heli.rulebook",
    "heli.places",
    "heli.core",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "django_htmx",
    "pgtrigger",
    "pghistory",
    "procrastinate.contrib.django",
    "ninja",  # for the files of its documentation page alone
]
MIDDLEWARE = [
    "heli.ops.watch.WatchMiddleware",
    "heli.core.outages.OutageMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "heli.web.middleware.HeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "heli.web.middleware.PreferencesMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "heli.orgs.middleware.ActorMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "heli.urls"
WSGI_APPLICATION = "heli.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "heli.web.context.page",
            ]
        },
    }
]
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"

# People --------------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
ACCOUNT_ADAPTER = "heli.people.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "phone"}
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SIGNUP_FIELDS = ["phone", "password1*"]  # our form makes the phone required; accounts made by staff have none
ACCOUNT_USERNAME_MIN_LENGTH = 2
ACCOUNT_LOGIN_BY_CODE_ENABLED = True  # also the way back for a forgotten password
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_PHONE_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PHONE_VERIFICATION_SUPPORTS_CHANGE = True
ACCOUNT_PHONE_VERIFICATION_CODE_FORMAT = {"numeric": True, "length": 6, "dashed": False}
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # a new number asks for the password once more
ACCOUNT_SESSION_REMEMBER = True  # as long as SESSION_COOKIE_AGE
ACCOUNT_LOGOUT_ON_GET = False
# One address reaches its own limit long before an account's, so that a stranger locks nobody out; an account takes a
# hundred wrong passwords in 15 minutes from everywhere together (NIST SP 800-63B, 5.2.2), and a browser its owner has
# logged in with before counts apart (people/accounts.py).
ACCOUNT_RATE_LIMITS = {
    "login_failed": "10/m/ip,40/15m/ip,100/15m/key",
    "verify_phone": "1/60s/key,10/d/key,20/m/ip",
    "request_login_code": "20/m/ip,6/10m/key,30/d/key",
}
ACCOUNT_FORMS = {
    "login": "heli.people.forms.LoginForm",
    "signup": "heli.people.forms.SignupForm",
    "request_login_code": "heli.people.forms.RequestLoginCodeForm",
    "confirm_login_code": "heli.people.forms.ConfirmLoginCodeForm",
    "verify_phone": "heli.people.forms.VerifyPhoneForm",
    "change_phone": "heli.people.forms.ChangePhoneForm",
    "change_password": "heli.people.forms.ChangePasswordForm",
    "reauthenticate": "heli.people.forms.ReauthenticateForm",
}
MFA_ADAPTER = "heli.orgs.secondfactor.StaffMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Heli"
MFA_TOTP_TOLERANCE = 1  # clocks of phones differ by up to half a minute
MFA_FORMS = {
    "authenticate": "heli.people.forms.AuthenticateForm",
    "reauthenticate": "heli.people.forms.MFAReauthenticateForm",
    "activate_totp": "heli.people.forms.ActivateTOTPForm",
}
HELI_STAFF_MFA = flag("HELI_STAFF_MFA", default=not DEMO)  # people with a grant need a second factor
# "module:Class" of adapters.sms.Sender; production names its own
HELI_REALNAME = os.environ.get("HELI_REALNAME", "heli.adapters.realname:Local")
HELI_SMS_SENDER = os.environ.get("HELI_SMS_SENDER", "heli.adapters.sms:Local" if DEBUG else "")
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours: a stranger cannot lock anybody out for longer than 15 minutes
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_USERNAME_CALLABLE = "heli.people.accounts.guessed_account"  # never a phone number in that table
AXES_LOCKOUT_CALLABLE = "heli.people.accounts.locked_out"
AXES_CLIENT_IP_CALLABLE = "heli.people.accounts.client_ip"
# How many proxies of ours add to X-Forwarded-For: what a caller wrote there before them is not believed, and without
# them a whole town would share one address and its limits.
_proxies = os.environ.get("HELI_BEHIND_PROXY", "")
ALLAUTH_TRUSTED_PROXY_COUNT = int(_proxies) if _proxies.isdigit() else int(flag("HELI_BEHIND_PROXY"))
AXES_SENSITIVE_PARAMETERS = ["username", "login", "phone", "code", "ip_address"]
AXES_VERBOSE = False
SILENCED_SYSTEM_CHECKS = ["axes.W003", "account.W001"]  # W001: see ACCOUNT_SIGNUP_FIELDS

# Web -----------------------------------------------------------------------------------------------------------------
ALLOWED_HOSTS = [h for h in os.environ.get("HELI_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",") if h]
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("HELI_TRUSTED_ORIGINS", "").split(",") if o]
HELI_PUBLIC_URL = os.environ.get("HELI_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
HELI_HOME_AREA = os.environ.get("HELI_HOME_AREA", "370602")  # the area whose public home this site is
HELI_FILINGS = int(os.environ.get("HELI_FILINGS", "60"))  # told by public forms in ten minutes from one address; 0: any
HELI_API_RATE = int(os.environ.get("HELI_API_RATE", "600"))  # requests a minute of one token
HELI_API_PUBLIC_RATE = int(os.environ.get("HELI_API_PUBLIC_RATE", "120"))  # and of one address without a token
HELI_OPEN311_KEY = flag("HELI_OPEN311_KEY")  # a request by Open311 needs a token; without: as on the public pages
HELI_SHAPES = flag(
    "HELI_SHAPES", default=True
)  # shipped boundary shapes; public display needs review, so it can be off
# Map tiles, "https://host/{z}/{x}/{y}.png": none are shipped. Points stay WGS-84; see docs/operating.md, Map tiles.
HELI_TILES = os.environ.get("HELI_TILES", "")
HELI_TILES_ATTRIBUTION = os.environ.get("HELI_TILES_ATTRIBUTION", "")
_tiles_host = urlsplit(HELI_TILES.replace("{s}", "*"))
if HELI_TILES and not (_tiles_host.scheme in {"http", "https"} and _tiles_host.hostname and "{z}" in HELI_TILES):
    raise ImproperlyConfigured("HELI_TILES is an address like https://tiles.example.cn/{z}/{x}/{y}.png.")
if not DEBUG:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ALLAUTH_TRUSTED_PROXY_COUNT else None
    SECURE_HSTS_SECONDS = 31536000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    # Bound to this host: no neighbour on the domain can set them.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
HELI_KNOWN_COOKIE = "heli_known" if DEBUG else "__Host-known"  # browsers an account has logged in with
CSRF_COOKIE_HTTPONLY = True  # the page itself carries the token for scripts
# How long a log-in holds: unused, and at all. People with work to do here sit at shared desks.
SESSION_STAFF_IDLE = dt.timedelta(minutes=int(os.environ.get("HELI_STAFF_IDLE_MINUTES", "30")))
SESSION_STAFF_AGE = dt.timedelta(hours=int(os.environ.get("HELI_STAFF_SESSION_HOURS", "12")))
SESSION_IDLE = dt.timedelta(hours=12)
SESSION_COOKIE_AGE = 7 * 86400
SESSION_ENGINE = "heli.core.sessions"
SESSION_SERIALIZER = "heli.core.sessions.SealedSerializer"  # a sign-up under way holds a phone number
# What processes count together (tries, used codes), in the database: core/shared.py
CACHES = {"default": {"BACKEND": "heli.core.shared.Cache"}}
SECURE_REFERRER_POLICY = "same-origin"  # a secret link in the address never leaves as a referrer
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": [NONCE],  # each <script> of a page carries this answer's nonce; none has its text in the page
        "style-src": ["'self'"],  # neither <style> nor style attributes
        "img-src": [
            "'self'",
            "data:",
            "blob:",
            *([f"{_tiles_host.scheme}://{_tiles_host.netloc}"] if HELI_TILES else []),
        ],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],  # the service worker of /snap/
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["default"],  # web/static/heli/heli.js
    }
}
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage" if DEBUG else "heli.web.assets.Assets"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
HELI_FILES = VAR / "files"  # outside the web root; access is checked at every download
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 4 * 2**20
DATA_UPLOAD_MAX_NUMBER_FILES = 8

# Jobs ----------------------------------------------------------------------------------------------------------------
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "jobs"  # each room's jobs.py; a worker knows no other tasks

# Webhooks: technical limits, not rules ---------------------------------------------------------------------------------
# Calls private addresses and plain http too: for trying things on one machine, never where others can name an address.
HELI_HOOKS_ALLOW_PRIVATE = flag("HELI_HOOKS_ALLOW_PRIVATE")
if HELI_HOOKS_ALLOW_PRIVATE and not DEBUG:
    raise ImproperlyConfigured(
        "HELI_HOOKS_ALLOW_PRIVATE opens our own network, so it is refused while HELI_DEBUG is off."
    )
HELI_HOOKS_PORTS = (443, 8443)
# Seconds between the tries of one message; the last failure is for good. 2 d 20 h together, each up to a fifth more or less
HELI_HOOKS_BACKOFF = (10, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 43200, 57600, 86400)

# Words and time ------------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Chinese")), ("en", _("English"))]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

# Running it ----------------------------------------------------------------------------------------------------------
HELI_METRICS_TOKEN = os.environ.get("HELI_METRICS_TOKEN", "")  # /metrics answers to whoever knows it; empty: no metrics
HELI_FREE_MB = int(os.environ.get("HELI_FREE_MB", "512"))  # with less room for files this machine is not ready

# Logs: structured, one JSON object a line outside development, nothing personal ---------------------------------------
HELI_LOG_DIR = os.environ.get("HELI_LOG_DIR", "")  # files by day beside the stream, the security log in one of its own
HELI_LOG_DAYS = int(os.environ.get("HELI_LOG_DAYS", "200"))
if HELI_LOG_DAYS < 184:
    raise ImproperlyConfigured(
        "HELI_LOG_DAYS: logs are kept six months at least (Cybersecurity Law art. 21): 184 days."
    )
_handlers: dict[str, Any] = {
    "out": {
        "class": "logging.StreamHandler",
        # servers speak on standard output; the output of a command is its result
        "stream": "ext://sys.stdout" if os.environ.get("HELI_ROLE") else "ext://sys.stderr",
        "formatter": "heli",
    }
}
if HELI_LOG_DIR:
    for _name in ("heli", "security"):
        _handlers[_name] = {"()": "heli.core.logs.Daily", "folder": HELI_LOG_DIR, "name": _name, "formatter": "json"}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "heli": {"()": "heli.core.logs.formatter", "as_json": not DEBUG},
        "json": {"()": "heli.core.logs.formatter", "as_json": True},
    },
    "handlers": _handlers,
    "root": {
        "handlers": ["out", "heli"] if HELI_LOG_DIR else ["out"],
        "level": os.environ.get("HELI_LOG_LEVEL", "INFO"),
    },
    "loggers": {
        "heli.security": {
            "handlers": ["security"] if HELI_LOG_DIR else [],
            "level": "INFO",
            "propagate": not HELI_LOG_DIR,
        },
        "heli.access": {"level": "WARNING" if DEBUG else "INFO"},
        "procrastinate": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "PIL": {"level": "INFO"},  # at DEBUG it writes down what a photo's metadata say
        "django.template": {"level": "INFO"},  # at DEBUG it writes down what a page was made from
        "django.request": {"level": "ERROR"},
    },
}
