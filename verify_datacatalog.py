"""`python verify_datacatalog.py` is `cesta verify datacatalog`, under the name that the documents of purchases have."""

import sys

from deploy.cli.main import app

if __name__ == "__main__":
    app(["verify", "datacatalog", *sys.argv[1:]])
