"""Command `python -m deploy.search_host --stage S`: makes the secrets of a search host, or renews its certificate."""

from __future__ import annotations

import argparse
import sys

import boto3

from deploy.search_host.certificates import CERTIFICATE_DAYS
from deploy.search_host.names import host_name
from deploy.search_host.secrets import write_secrets


def main() -> None:
    """Write the secrets and say their names; what is in them is said nowhere."""
    parser = argparse.ArgumentParser(prog="python -m deploy.search_host", description=main.__doc__)
    parser.add_argument("--stage", required=True, help="stage of the deployment")
    stage = parser.parse_args().stage
    for name in write_secrets(boto3.client("secretsmanager"), stage):
        sys.stdout.write(f"{name}\n")
    sys.stdout.write(f"the certificate of {host_name(stage)} is good for {CERTIFICATE_DAYS} days\n")


if __name__ == "__main__":
    main()
