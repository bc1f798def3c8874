"""Where the code of assets is: files of this machine, or pages of the repository where its address is set.

``CODE_URL`` is the address of the repository on GitHub or GitLab, ``CODE_BRANCH`` the branch or tag that is deployed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import dagster as dg

from pipeline_assets.events.environment import optional

# Said again by every process that loads the definitions otherwise; the version of Dagster is pinned below 1.14.
warnings.filterwarnings("ignore", message=".*code_references", category=dg.BetaWarning)
warnings.filterwarnings("ignore", message=".*(CodeReference|FilePathMapping)", category=dg.BetaWarning)

_CODE_REFERENCES: Final = "dagster/code_references"
_PROJECT = Path(__file__).parents[2]


def referring_to(spec: dg.AssetSpec, path: str, label: str) -> dg.AssetSpec:
    """An asset with one more reference.

    Parameters
    ----------
    spec
        The asset.
    path
        A file of the project, from its folder.
    label
        What the file is to the asset.

    Returns
    -------
    dagster.AssetSpec
        The asset, the file behind those that it referred to before.
    """
    earlier = spec.metadata.get(_CODE_REFERENCES)
    before = earlier.code_references if isinstance(earlier, dg.CodeReferencesMetadataValue) else []
    added = dg.LocalFileCodeReference(file_path=str(_PROJECT / path), label=label)
    return spec.merge_attributes(
        metadata={_CODE_REFERENCES: dg.CodeReferencesMetadataValue(code_references=[*before, added])}
    )


def with_code_references(assets: Iterable[object]) -> Iterator[dg.AssetsDefinition]:
    """Assets with references to their bodies beside those that they have.

    Parameters
    ----------
    assets
        Definitions, and specs of external assets.

    Yields
    ------
    dagster.AssetsDefinition
        The same with references.
    """
    defined = [dg.AssetsDefinition(specs=[each]) if isinstance(each, dg.AssetSpec) else each for each in assets]
    bodies = [each for each in defined if isinstance(each, dg.AssetsDefinition) and each.is_executable]
    others = [each for each in defined if isinstance(each, dg.AssetsDefinition) and not each.is_executable]
    found = [*dg.with_source_code_references(bodies), *others]
    if url := optional(None, "CODE_URL"):
        branch = optional(None, "CODE_BRANCH", "main")
        at = dg.AnchorBasedFilePathMapping(_PROJECT, ".")
        found = [*dg.link_code_references_to_git(found, git_url=url, git_branch=branch, file_path_mapping=at)]
    yield from (each for each in found if isinstance(each, dg.AssetsDefinition))
