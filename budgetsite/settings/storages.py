"""Where files are kept: Django's storages, chosen by the environment."""

from pathlib import Path
from typing import Any

import environ


def receipt_storage(env: environ.Env, *, folder: Path | None) -> dict[str, Any]:
    """Return the private store of receipts: a folder of this machine, or with `RECEIPTS_S3_BUCKET` a bucket.

    `folder` is where it is without `RECEIPTS_FOLDER`; None where there is no safe guess. Nothing of the store has an
    address of its own: the site hands a file out after it has looked who asks.
    """
    bucket = env.str("RECEIPTS_S3_BUCKET", default="")
    if not bucket:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": env.str("RECEIPTS_FOLDER", default=str(folder) if folder else environ.Env.NOTSET),
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "location": env.str("RECEIPTS_S3_PREFIX", default="receipts"),
            # Left out, boto3 finds its region and its credentials as everywhere (a role of the machine, for example).
            "endpoint_url": env.str("RECEIPTS_S3_ENDPOINT", default="") or None,
            "region_name": env.str("RECEIPTS_S3_REGION", default="") or None,
            "access_key": env.str("RECEIPTS_S3_ACCESS_KEY", default="") or None,
            "secret_key": env.str("RECEIPTS_S3_SECRET_KEY", default="") or None,
            "addressing_style": env.str("RECEIPTS_S3_ADDRESSING", default="auto"),
            "signature_version": "s3v4",
            # Private, whatever the bucket says, and no name is ever used twice.
            "default_acl": None,
            "querystring_auth": True,
            "file_overwrite": False,
        },
    }
