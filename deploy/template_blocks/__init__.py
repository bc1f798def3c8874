"""Generated blocks of the cloud template: what repeats in it is written from the registry of flows and the specs.

`python -m deploy.template_blocks` writes all of them into `deploy/template.yaml`, each between its two marks.
"""
