"""What a deployment says of a stack it cannot change, and where CloudFormation finds the template."""

from __future__ import annotations

import boto3
import pytest

from deploy.stack import not_ready, object_url

CLOUD = boto3.client("cloudformation", "eu-west-1", aws_access_key_id="a", aws_secret_access_key="s")
STATUSES: list[str] = getattr(CLOUD.meta.service_model.shape_for("StackStatus"), "enum")  # noqa: B009 - its stub lacks it
#: From these a deployment goes on, of itself or over what it deletes before.
NOT_ASKED = {
    *("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"),
    *("ROLLBACK_COMPLETE", "DELETE_COMPLETE", "REVIEW_IN_PROGRESS"),
}


@pytest.mark.parametrize("status", [status for status in STATUSES if status.endswith("_FAILED")])
def test_a_stack_that_is_stuck_is_told_with_a_way_out(status: str) -> None:
    told = not_ready("cesta-prod", status)
    assert told.startswith(f"stack cesta-prod is in {status} and does not get out of it by itself: ")
    assert any(word in told for word in ("delete", "continue-update-rollback", "rollback-stack"))


@pytest.mark.parametrize("status", [s for s in STATUSES if not s.endswith("_FAILED") and s not in NOT_ASKED])
def test_a_stack_that_is_being_changed_is_waited_for(status: str) -> None:
    assert status.endswith("_IN_PROGRESS")
    assert "try again when that has ended" in not_ready("cesta-prod", status)


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("eu-central-1", "https://s3.eu-central-1.amazonaws.com/b/templates/t.yaml"),
        ("ap-southeast-1", "https://s3.ap-southeast-1.amazonaws.com/b/templates/t.yaml"),
        pytest.param("eu-south-2", "https://s3.eu-south-2.amazonaws.com/b/templates/t.yaml", id="opt-in"),
        pytest.param("cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn/b/templates/t.yaml", id="china"),
    ],
)
def test_the_template_is_addressed_in_its_own_region(region: str, address: str) -> None:
    s3 = boto3.client("s3", region, aws_access_key_id="a", aws_secret_access_key="s")
    assert object_url(s3, "b", "templates/t.yaml") == address
