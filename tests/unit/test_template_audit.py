"""What the template records of who did what, and that nobody takes the records away."""

from __future__ import annotations

from typing import Any

from tests.worlds.template_reading import READ, RESOURCES, as_list, of_type, statements

TRAIL: dict[str, Any] = RESOURCES["AuditTrail"]
POLICY = {each["Sid"]: each for each in statements(RESOURCES["AuditBucketPolicy"]["Properties"]["PolicyDocument"])}
#: Buckets whose objects are of tenants, or may be: what they ask for goes by way of the inbox into the lake.
OF_TENANTS = {
    *("ComprasBucket", "QueryResultsBucket", "QuarantineBucket"),
    *("InboxBucket", "RawBucket", "CuratedBucket", "RetailCopilotBucket"),
}


def selectors() -> dict[str, dict[str, Any]]:
    return {
        each["Name"]: {field.pop("Field"): field for field in [dict(f) for f in each["FieldSelectors"]]}
        for each in TRAIL["Properties"]["AdvancedEventSelectors"]
    }


def test_it_costs_nothing_unless_it_is_asked_for() -> None:
    assert READ["Conditions"]["KeepsAudit"] == {"Fn::Equals": [{"Ref": "AuditLogs"}, "ON"]}
    assert READ["Parameters"]["AuditLogs"]["Default"] == "OFF"
    assert TRAIL["Condition"] == "KeepsAudit"


def test_every_bucket_tells_who_reads_it_in_a_folder_of_its_own() -> None:
    buckets = of_type("AWS::S3::Bucket")
    folders = set()
    for name, bucket in buckets.items():
        if name != "AuditBucket":
            condition, logging, otherwise = bucket["LoggingConfiguration"]["Fn::If"]
            assert (condition, otherwise) == ("KeepsAudit", {"Ref": "AWS::NoValue"})
            assert logging["DestinationBucketName"] == {"Ref": "AuditBucket"}
            assert logging["LogFilePrefix"].startswith("access/")
            folders.add(logging["LogFilePrefix"])
    assert len(folders) == len(buckets) - 1
    sources = POLICY["BucketsWriteWhoReadThem"]["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert {each["Fn::GetAtt"][0] for each in sources} == buckets.keys() - {"AuditBucket"}


def test_the_trail_records_the_account_and_what_is_of_tenants() -> None:
    found = selectors()
    assert found["management"] == {"eventCategory": {"Equals": ["Management"]}}
    objects = found["objects-of-tenants"]["resources.ARN"]["StartsWith"]
    assert {each["Fn::Sub"] for each in objects} == {f"${{{name}.Arn}}/" for name in OF_TENANTS}
    items = str(found["items-of-tenants"]["resources.ARN"]["Equals"])
    assert all(name in items for name in ("ComprasTable", "ProductosTable", "AskedQueriesTable"))
    registry = found["changes-of-the-registry-of-tenants"]
    assert registry["resources.ARN"]["Equals"] == [{"Fn::GetAtt": ["TenantsTable", "Arn"]}]
    assert registry["readOnly"]["Equals"] == ["false"]
    properties = TRAIL["Properties"]
    assert all(properties[each] is True for each in ("IsLogging", "IsMultiRegionTrail", "EnableLogFileValidation"))


def test_only_the_trail_and_our_own_buckets_write_and_nobody_deletes() -> None:
    allowed = {sid: each for sid, each in POLICY.items() if each["Effect"] == "Allow"}
    assert {sid: (each["Principal"]["Service"], as_list(each["Action"])) for sid, each in allowed.items()} == {
        "TheTrailLooksAtItsBucket": ("cloudtrail.amazonaws.com", ["s3:GetBucketAcl"]),
        "TheTrailWrites": ("cloudtrail.amazonaws.com", ["s3:PutObject"]),
        "BucketsWriteWhoReadThem": ("logging.s3.amazonaws.com", ["s3:PutObject"]),
    }
    named = TRAIL["Properties"]["TrailName"]["Fn::Sub"]
    for sid in ("TheTrailLooksAtItsBucket", "TheTrailWrites"):
        assert allowed[sid]["Condition"]["StringEquals"]["aws:SourceArn"]["Fn::Sub"].endswith(f":trail/{named}")
    assert POLICY["NobodyDeletes"]["Effect"] == "Deny"
    assert set(POLICY["NobodyDeletes"]["Action"]) == {"s3:DeleteObject", "s3:DeleteObjectVersion"}


def test_records_are_archived_and_go_by_age_alone() -> None:
    (rule, _) = of_type("AWS::S3::Bucket")["AuditBucket"]["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == {"Ref": "AuditDays"}
    assert rule["Transitions"] == [{"StorageClass": "GLACIER_IR", "TransitionInDays": 90}]
    assert READ["Parameters"]["AuditDays"]["MinValue"] > 90
