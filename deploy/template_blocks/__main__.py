"""Command `python -m deploy.template_blocks`: writes the generated blocks of the cloud template."""

from __future__ import annotations

import sys

from deploy.stack import TEMPLATE
from deploy.template_blocks.contents import BLOCKS
from deploy.template_blocks.marks import replace_blocks


def main() -> None:
    """Write the blocks into the template, in place."""
    template = TEMPLATE.read_text(encoding="utf-8")
    written = replace_blocks(template, BLOCKS)
    TEMPLATE.write_text(written, encoding="utf-8")
    sys.stdout.write("the template is as it was\n" if written == template else f"{TEMPLATE} has changed\n")


if __name__ == "__main__":
    main()
