"""Files of the web page of tenants: what they are, the headers they are served with, and the way into their bucket."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client

PAGE: Final = Path(__file__).parent / "page"
#: Files of the page, and what they are.
KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: What a page may do: its own scripts, styles and pictures, questions to where it comes from, and no markup from data.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
#: Headers of each file, which the template's distribution sends as well.
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
#: Where the files are, in the address of the page and in the bucket.
FOLDER: Final = "page/"


def page_files() -> dict[str, Path]:
    """The files by their names."""
    return {each.name: each for each in sorted(PAGE.iterdir()) if each.suffix in KINDS}


def upload_page(s3: S3Client, bucket: str, account: str) -> None:
    """Put each file into the bucket that is not there as it is."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=FOLDER, ExpectedBucketOwner=account)
    there = {each["Key"]: each["ETag"].strip('"') for page in pages for each in page.get("Contents", ())}
    for name, file in page_files().items():
        body, key = file.read_bytes(), f"{FOLDER}{name}"
        if there.get(key) == hashlib.md5(body, usedforsecurity=False).hexdigest():
            continue
        s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=body,
            ContentType=KINDS[file.suffix],
            # The distribution goes by what the bucket says: without it, it would mix old files with new ones for a day.
            CacheControl=HEADERS["Cache-Control"],
            ExpectedBucketOwner=account,
        )
