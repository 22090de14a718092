"""What every environment shares. The others (`local`, `test`, `production`) say only how they differ."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from celery.schedules import crontab
from csp.constants import NONE, SELF
from kombu import Queue

from budgetsite.encryption.keys import parse_keys
from budgetsite.settings.databases import database_settings
from budgetsite.settings.schedule import dropped_when_next_is_due
from budgetsite.settings.staff_admin import *  # noqa: F403  (the admin's settings are settings)
from budgetsite.settings.storages import receipt_storage

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = environ.Env()

SECRET_KEY = env.str("SECRET_KEY")
# The first encrypts; the others decrypt what `manage.py rotate_keys` has not come to yet.
FIELD_ENCRYPTION_KEYS = parse_keys(env.str("FIELD_ENCRYPTION_KEYS"))
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
ROOT_URLCONF = "budgetsite.urls"
WSGI_APPLICATION = "budgetsite.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    # Before Django's own: `migrate` runs as the database's owner.
    "budgetsite.tenancy",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "budgetsite.pages.back_office.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "pgtrigger",
    "rest_framework",
    "simple_history",
    "budgetsite.accounts",
    "budgetsite.encryption",
    "budgetsite.privacy",
    "budgetsite.outbox",
    "budgetsite.notifications",
    "budgetsite.webhooks",
    "budgetsite.ably",
    "budgetsite.live",
    "budgetsite.operations.apps.OperationsConfig",
    "budgetsite.api",
    "budgetsite.pages",
    "events",
    "budgets",
    "registrations",
    "alerts",
]

MIDDLEWARE = [
    "budgetsite.operations.request_id.RequestIdMiddleware",
    "budgetsite.operations.observation.ObservationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    # Before the transaction and whatever else needs a server that may be away.
    "budgetsite.operations.probes.ProbesMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "budgetsite.api.body_limit.BodyLimitMiddleware",
    # Outside the transaction of the request.
    "budgetsite.api.machines.MachineUseMiddleware",
    "budgetsite.tenancy.middleware.TransactionMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "budgetsite.accounts.middleware.CurrentAccountMiddleware",
    "budgetsite.accounts.security_headers.SecurityHeadersMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    # Last: the sign-in views answer a locked-out attempt themselves.
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "budgetsite.pages.context_processors.navigation",
            ],
        },
    },
]

# --- Data -----------------------------------------------------------------------------------------------------------

DATABASES = database_settings(env, secret_key=SECRET_KEY)

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {
            # The site works on without its cache: an entry that can't be read is a miss.
            "IGNORE_EXCEPTIONS": True,
            "SOCKET_CONNECT_TIMEOUT": 0.5,
            "SOCKET_TIMEOUT": 1,
        },
        "KEY_PREFIX": "budgetsite",
    },
}
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = True

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Connections to the database outlive a task: connecting costs more than most of them. Each task looks whether they are
# well (`budgetsite.operations.task_signals`); Celery alone would keep broken ones.
CELERY_DB_REUSE_MAX = sys.maxsize
# A worker takes from all of them unless it is told which (`-Q`). What waits for others' servers has queues of its own,
# and so has what takes long: nothing else stands behind either.
CELERY_TASK_QUEUES = [Queue(name) for name in ("celery", "outbox", "webhooks", "mail", "nightly")]
CELERY_TASK_ROUTES = {
    **{
        task: {"queue": "nightly"}
        for task in (
            "alerts.tasks.reevaluate_everywhere",
            "budgets.tasks.verify_ledgers",
            "budgets.tasks.verify_ledger_of_account",
            "budgets.tasks.sweep_receipts",
            "budgets.tasks.sweep_receipts_of_account",
            "budgetsite.accounts.tasks.clear_expired_sign_ins",
            "budgetsite.api.tasks.prune_kept_answers",
            "budgetsite.notifications.tasks.prune_notifications",
            "budgetsite.outbox.tasks.prune_outbox",
            "budgetsite.privacy.tasks.*",
            "budgetsite.webhooks.tasks.prune_webhooks",
            "registrations.tasks.verify_all_registrations",
            "registrations.tasks.verify_registrations_of_account",
        )
    },
    "budgetsite.accounts.tasks.mail_password_reset": {"queue": "mail"},
    "budgetsite.outbox.tasks.*": {"queue": "outbox"},
    "budgetsite.webhooks.tasks.*": {"queue": "webhooks"},
    "budgetsite.ably.tasks.*": {"queue": "webhooks"},
    "budgetsite.notifications.tasks.*": {"queue": "mail"},
}
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "relay what no commit has started": {
        "task": "budgetsite.outbox.tasks.relay_events",
        "schedule": timedelta(seconds=5),
    },
    "remove what was relayed long ago": {
        "task": "budgetsite.outbox.tasks.prune_outbox",
        "schedule": crontab(hour=4, minute=45),
    },
    "send webhooks again, and those that nothing has started": {
        "task": "budgetsite.webhooks.tasks.send_webhooks",
        "schedule": timedelta(seconds=5),
    },
    "publish on Ably what nothing has started": {
        "task": "budgetsite.ably.tasks.publish_to_ably",
        "schedule": timedelta(seconds=15),
    },
    "remove old deliveries of webhooks": {
        "task": "budgetsite.webhooks.tasks.prune_webhooks",
        "schedule": crontab(hour=4, minute=50),
    },
    "send the mails that are due": {
        "task": "budgetsite.notifications.tasks.send_mails",
        "schedule": timedelta(seconds=10),
    },
    "remove what people were told long ago": {
        "task": "budgetsite.notifications.tasks.prune_notifications",
        "schedule": crontab(hour=4, minute=55),
    },
    "prove every account's ledger": {
        "task": "budgets.tasks.verify_ledgers",
        "schedule": crontab(hour=3, minute=15),
    },
    "let budgets become active on their event's day": {
        "task": "budgets.tasks.activate_due_budgets",
        "schedule": timedelta(minutes=15),
    },
    "remind of approvals that wait": {
        "task": "budgets.tasks.remind_of_waiting_approvals",
        "schedule": timedelta(hours=1),
    },
    "free reservations that have expired": {
        "task": "budgets.tasks.free_expired_reservations",
        "schedule": timedelta(minutes=1),
    },
    "bring the alerts of company budgets in line": {
        "task": "alerts.tasks.follow_scoped_budgets_everywhere",
        "schedule": timedelta(minutes=5),
    },
    # A day begins in some time zone every half hour or less.
    "bring the alerts of payments and forecasts in line": {
        "task": "alerts.tasks.follow_event_budgets_everywhere",
        "schedule": timedelta(minutes=10),
    },
    "evaluate every event budget's alerts anew": {
        "task": "alerts.tasks.reevaluate_everywhere",
        "schedule": crontab(hour=3, minute=30),
    },
    # Their morning comes to all events within the hour.
    "remind of payments": {
        "task": "alerts.tasks.remind_of_payments_everywhere",
        "schedule": crontab(minute=5),
    },
    "escalate alerts that nobody acknowledges": {
        "task": "alerts.tasks.escalate_alerts_everywhere",
        "schedule": timedelta(minutes=10),
    },
    "pass on what the waitlists' offers leave": {
        "task": "registrations.tasks.mind_waitlists",
        "schedule": timedelta(minutes=1),
    },
    "sweep receipts that belong to no expense": {
        "task": "budgets.tasks.sweep_receipts",
        "schedule": crontab(hour=4, minute=15),
    },
    "count every account's registrations anew": {
        "task": "registrations.tasks.verify_all_registrations",
        "schedule": crontab(hour=3, minute=45),
    },
    "prune answers kept for idempotency keys": {
        "task": "budgetsite.api.tasks.prune_kept_answers",
        "schedule": timedelta(hours=1),
    },
    "let go of what the retention rules no longer keep": {
        "task": "budgetsite.privacy.tasks.apply_retention_everywhere",
        "schedule": crontab(hour=2, minute=45),
    },
    "tidy what is kept of runs": {
        "task": "budgetsite.operations.tasks.tidy_operations",
        "schedule": timedelta(hours=1),
    },
    # By the clock: a day counted from beat's start never ends where beat is started anew every few hours.
    "clear expired sign-ins": {
        "task": "budgetsite.accounts.tasks.clear_expired_sign_ins",
        "schedule": crontab(hour=4, minute=30),
    },
}
CELERY_BEAT_SCHEDULE = dropped_when_next_is_due(CELERY_BEAT_SCHEDULE)
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 5}
# What everybody has been told goes after so many days.
OUTBOX_RETENTION_DAYS = env.int("OUTBOX_RETENTION_DAYS", default=30)

# What people were told, in their inbox and by mail, goes after so many days.
NOTIFICATION_RETENTION_DAYS = env.int("NOTIFICATION_RETENTION_DAYS", default=365)

# With a key, what webhooks tell is published by Ably's REST interface too, on a channel for each account.
ABLY_KEY = env.str("ABLY_KEY", default="")
ABLY_URL = env.str("ABLY_URL", default="https://main.realtime.ably.net")
ABLY_CHANNEL_PREFIX = env.str("ABLY_CHANNEL_PREFIX", default="budgetsite:")

# Requests that one web process answers at the same time, each with a connection to the database.
WEB_THREADS = env.int("WEB_THREADS", default=4)
# Whoever listens to what happens is judged again after so long.
LIVE_STREAM_SECONDS = env.float("LIVE_STREAM_SECONDS", default=300)

# Networks that are not on the public internet and that accounts may have webhooks sent to, without TLS too.
WEBHOOK_ALLOWED_NETWORKS = env.list("WEBHOOK_ALLOWED_NETWORKS", default=[])
# A webhook that has failed for so long is paused, and what it was told is kept for so long.
WEBHOOK_PAUSE_AFTER_DAYS = env.int("WEBHOOK_PAUSE_AFTER_DAYS", default=5)
WEBHOOK_RETENTION_DAYS = env.int("WEBHOOK_RETENTION_DAYS", default=30)

# --- People ---------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    # First, so that it can refuse before a password is looked at.
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 2 * 3600
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_SAMESITE = "Lax"

# Axes keeps failed attempts in PostgreSQL, so that a lock-out holds on every web process and without a cache.
AXES_HANDLER = "axes.handlers.database.AxesDatabaseHandler"
AXES_FAILURE_LIMIT = env.int("SIGN_IN_FAILURE_LIMIT", default=5)
AXES_COOLOFF_TIME = timedelta(minutes=env.int("SIGN_IN_LOCK_MINUTES", default=15))
# By the person alone: guesses at one password come from many addresses. One address guessing at many people is held
# back by THROTTLE_SIGN_IN instead; locking addresses would lock out everybody behind a venue's router. That is what
# axes.W006 warns of.
AXES_LOCKOUT_PARAMETERS = ["username"]
SILENCED_SYSTEM_CHECKS = ["axes.W006"]
# Going on guessing doesn't prolong the lock, and a new password by mail lifts it: nobody is kept out for good.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_USERNAME_CALLABLE = "budgetsite.accounts.sign_in.username_of"
AXES_CLIENT_IP_CALLABLE = "budgetsite.api.throttling.client_address"
AXES_LOCKOUT_CALLABLE = "budgetsite.accounts.views.locked_out"
AXES_USERNAME_FORM_FIELD = "username"
AXES_HTTP_RESPONSE_CODE = 429
AXES_VERBOSE = False

# --- REST -----------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "budgetsite.api.authentication.BearerAuthentication",
        "budgetsite.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["budgetsite.api.permissions.RolePermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["budgetsite.api.parsers.ObjectParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "budgetsite.api.parsers.AnswersAnyway",
    # `format` is a word of the contract (exports), not a choice of renderer.
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_PAGINATION_CLASS": "budgetsite.api.pagination.OffsetPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "budgetsite.api.schema.ContractSchema",
    "DEFAULT_THROTTLE_CLASSES": ["budgetsite.api.throttling.UserThrottle"],
    "EXCEPTION_HANDLER": "budgetsite.api.errors.exception_handler",
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
THROTTLE_USER = env.str("THROTTLE_USER", default="1200/min")
THROTTLE_API_KEY = env.str("THROTTLE_API_KEY", default="6000/min")
THROTTLE_SIGN_IN = env.str("THROTTLE_SIGN_IN", default="60/min")
THROTTLE_CALENDAR = env.str("THROTTLE_CALENDAR", default="60/min")
THROTTLE_MAIL_LINK = env.str("THROTTLE_MAIL_LINK", default="60/min")
# How many proxies of our own add to X-Forwarded-For. 0: nobody's word but the connection's own is taken.
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)

SPECTACULAR_SETTINGS = {
    "TITLE": "Budgetsite",
    "DESCRIPTION": """Budgets, alerts and registrations of events.

Send `Authorization: Bearer …` with a person's token (`POST /auth/token`) or a machine's API key (`POST /api-keys`, or
the page “API keys”). Amounts are texts: `"12.50"`. A POST that carries an `Idempotency-Key` is done once, however often
it is sent in two days. An error answers `{type, errors: [{code, detail, attr}]}`: `code` is for programs, `detail` for
people, `attr` names the field.

A machine that spends asks (`POST /budgets/{id}/check-constraints`), holds what it will need (`…/reservations`), and
settles that with what it cost; or it records what was spent (`…/usage`). 409 with `refusals` says which budget has no
room.
""",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    # Folded by subject: unfolded, Swagger UI stops drawing part of the way through so many operations.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "docExpansion": "none"},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "PREPROCESSING_HOOKS": ["budgetsite.api.schema.contract_endpoints"],
    # Sets of choices whose fields have the same name, or one set under two.
    "ENUM_NAME_OVERRIDES": {
        "AlertAudience": "alerts.models.Audience",
        "AlertBasis": "alerts.models.Basis",
        "AlertType": "alerts.models.AlertType",
        "ApiKeyState": "budgets.api.api_key.STATES",
        "ApprovingRole": "budgets.models.approval.APPROVING_ROLE_CHOICES",
        "BudgetStatus": "budgets.models.BudgetStatus",
        "EntryKind": "budgets.models.EntryKind",
        "EntrySource": "budgets.models.EntrySource",
        "EventStatus": "events.querysets.EventStatus.ALL",
        "ExpenseStage": "budgets.models.ExpenseStage",
        "RecordedExpenseStage": "budgets.api.expense_inputs.RECORDED_STAGES",
        "RegistrationStatus": "registrations.models.RegistrationStatus",
        "CopyBasis": "budgets.services.budget_copy.CopyBasis",
        "LineKind": "budgets.models.LineKind",
        "MachineAction": "budgets.api.api_key.MACHINE_ACTION_CHOICES",
        "DeliveryStatus": "budgetsite.webhooks.models.DeliveryStatus",
        "PauseReason": "budgetsite.webhooks.models.PauseReason",
        "RevisionState": "budgets.selectors.revisions.REVISION_STATES",
        "ReservationStatus": "budgets.models.ReservationStatus",
        "Role": "budgetsite.accounts.roles.Role",
        "RuleBasis": "alerts.models.RULE_BASIS_CHOICES",
        "ScopeType": "budgets.models.ScopeType",
        "StandingLevel": "budgets.api.scoped_answers.LEVEL_CHOICES",
        "TemplateBasis": "budgets.models.TemplateBasis",
        "ThresholdAction": "budgets.models.ThresholdAction",
        "UsageSource": "budgets.api.scoped_inputs.USAGE_SOURCE_CHOICES",
    },
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "budgetsite.api.errors.ContractExceptionHandler",
    "EXCEPTION_FORMATTER_CLASS": "budgetsite.api.errors.ContractExceptionFormatter",
    # Clients of a site in development get the contract's shape too; the traceback is in the log.
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
    "ALLOWED_ERROR_STATUS_CODES": ["400", "401", "403", "404", "409", "413", "415", "429"],
}
# A JSON body longer than this is 413. (Uploads are limited by what takes them.)
API_MAX_BODY_BYTES = 2 * 1024 * 1024

SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", default=30)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("REFRESH_TOKEN_DAYS", default=7)),
    "SIGNING_KEY": env.str("JWT_SIGNING_KEY", default=SECRET_KEY),
    "ISSUER": "budgetsite",
    "USER_ID_CLAIM": "user_id",
}
# Tokens of an outside issuer are taken when its key set is named.
JWT_JWKS_URL = env.str("JWT_JWKS_URL", default="")
JWT_ISSUER = env.str("JWT_ISSUER", default="")
JWT_AUDIENCE = env.str("JWT_AUDIENCE", default="")

# --- Pages ----------------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / ".local" / "static"))
STATICFILES_DIRS = [BASE_DIR / "budgetsite" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    "receipts": receipt_storage(env, folder=BASE_DIR / ".local" / "receipts"),
}
# A request longer than this is 413 before anything of it is read: several receipts at once, and what is around them.
MAX_REQUEST_BYTES = 25 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
# A form with the 1,000 lines of a template has eight fields for each.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

# No inline script or style anywhere; what a page needs lies in `budgetsite/static`.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True

EMAIL_CONFIG = env.email_url("EMAIL_URL", default="smtp://127.0.0.1:25")
vars().update(EMAIL_CONFIG)
# For each answer of the mail server, in seconds.
EMAIL_TIMEOUT = 10
# Where people find this site: what links in mails begin with.
SITE_ADDRESS = env.str("SITE_ADDRESS", default="http://127.0.0.1:8000").rstrip("/")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Budgetsite <no-reply@localhost>")

# --- Operation ------------------------------------------------------------------------------------------------------

# Who scrapes /metrics sends it as a bearer token. Without it there is no such page, except on one's own machine.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
METRICS_FOR_LOOPBACK = DEBUG
# Where a worker tells what was counted on its machine (`0.0.0.0:9108`): for machines without a web server.
METRICS_WORKER_ADDRESS = env.str("METRICS_WORKER_ADDRESS", default="")
# Figures of the accounts' rows by account, labelled with its slug; otherwise of all accounts together.
METRICS_PER_ACCOUNT = env.bool("METRICS_PER_ACCOUNT", default=False)
METRICS_REMEMBERED_SECONDS = env.float("METRICS_REMEMBERED_SECONDS", default=10)
# An oldest event that waits longer makes /readyz say 503.
READY_OUTBOX_LAG_SECONDS = env.float("READY_OUTBOX_LAG_SECONDS", default=900)

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "where_it_belongs": {"()": "budgetsite.operations.log_lines.WhereItBelongs"},
        "secrets_hidden": {"()": "budgetsite.operations.log_redaction.SecretsHidden"},
        "refusals_without_trace": {"()": "budgetsite.operations.log_redaction.RefusalsWithoutTrace"},
    },
    "formatters": {
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"},
        "json": {"()": "budgetsite.operations.log_lines.JsonLine"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "filters": ["where_it_belongs", "secrets_hidden", "refusals_without_trace"],
        },
    },
    "loggers": {
        # Their lines hold arguments, results and what exceptions say; `budgetsite.tasks` tells of each task without.
        "celery": {"level": "WARNING"},
        "celery.app.trace": {"level": "CRITICAL"},
        # Its lines name whoever tries to sign in; /metrics counts the attempts.
        "axes": {"level": "ERROR"},
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}
