"""What the cloud template promises: who may do what, and what survives."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from deploy.packaging import ROOT, first_party_files, import_graph
from deploy.spark_package import SPARK
from pipeline_assets.compras.tables import COMPRAS_TABLES
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.flow_rows import FunctionPackage
from pipeline_assets.flows import packages
from pipeline_assets.lake.layout import KEYS, key_snapshot, recent_versions
from pipeline_assets.spark.jobs import JOBS
from pipeline_assets.spark.pieces import STAGING
from tests.worlds.template_reading import FED_BY_QUEUES, READ, RESOURCES, as_list, of_type, statements

#: Statements that name every resource because AWS takes no narrower one, with the reason; only ever in a VPC.
EVERY_RESOURCE = {
    "LambdaJoinsTheVpc": "network interfaces have no identifier before they are made",
    "CodeTouchesNoNetworkInterface": "a denial, and the wider the better",
}
#: What the search host and its snapshots may do without the resource's identifier, with what narrows it instead.
EVERY_RESOURCE_OF_THE_HOST = {
    "AttachItToAMachineOfTheGroup": "StringEquals",
    "SayWhereItIs": "ForAllValues:StringEquals",
    "TellHowItIs": "StringEquals",
    "TakeSessions": "a session has no identifier before it is made",
    "MakeSnapshots": "a snapshot has no identifier before it is made",
    "TagSnapshotsAsTheyAreMade": "a snapshot has no identifier before it is made",
    "DeleteItsSnapshots": "StringEquals",
    "LookForVolumesAndSnapshots": "AWS takes no narrower resource to list",
}
#: Answers of queries, which can be asked again, are the one thing that is kept in a single version.
UNVERSIONED = {"QueryResultsBucket"}
#: The same as `EVERY_RESOURCE` for Dagster's policy, where a condition narrows it.
EVERY_RESOURCE_OF_DAGSTER = {"PublishTheLag": "a metric is no resource; the condition names the namespace"}
#: The same for the jobs of Spark.
EVERY_RESOURCE_OF_SPARK = {"FindTheLog": "EMR lists the log groups before it writes, and a list has no resource"}
#: What no line of the code calls: polling and logging are done for it, and the listing makes a missing object a 404.
FOR_LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}
FOR_A_CONSUMER = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "s3:ListBucket"}
#: The same for a function behind the stream of a table; Lambda itself sends what could not be delivered.
FOR_A_STREAM = {
    *(f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")),
    "sqs:SendMessage",
}
#: Called in the same modules, but never on behalf of the function: a redo cleans up.
NOT_ITS_OWN = {
    "tickets-ingestion": {"s3:DeleteObject"},
    "consumer-lambda": {"s3:DeleteObject"},
    "inbox-to-raw": {"s3:DeleteObject", "s3:ListBucketVersions"},
    "actualizar-compras-stream": {"s3:DeleteObject"},
    # It puts into the quarantine, and reads no object.
    "products-to-search": {"s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"},
    "compras-to-search": {"s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"},
    # It reads what stands, names no version and registers no day.
    "query-sql": {"s3:GetObjectVersion", "glue:CreatePartition"},
    "analytics-api": {"s3:GetObjectVersion", "glue:CreatePartition"},
}
#: Allowed without a call of that name: a file of the inbox is deleted by its version, and read under the inbox's key; a
#: library starts a query and fetches its answer, and Athena does the rest in the name of whoever asks.
FOR_ATHENA = {
    *("athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults"),
    *("glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:BatchGetPartition"),
    *("s3:GetBucketLocation", "s3:PutObject", "s3:AbortMultipartUpload"),
    *("s3:ListMultipartUploadParts", "s3:ListBucketMultipartUploads"),
}
WITHOUT_A_CALL = {
    "inbox-to-raw": {"s3:DeleteObjectVersion", "kms:Decrypt"},
    "query-sql": FOR_ATHENA,
    "analytics-api": FOR_ATHENA,
}
#: Calls whose permission has another name than they have.
PERMISSIONS = {
    "s3:GetObject": {"s3:GetObject", "s3:GetObjectVersion"},
    "s3:HeadObject": {"s3:GetObject", "s3:GetObjectVersion"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
    "s3:ListObjectVersions": {"s3:ListBucketVersions"},
    "s3:DeleteObjects": {"s3:DeleteObject"},
    "dynamodb:TransactWriteItems": {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"},
    "lambda:Invoke": {"lambda:InvokeFunction"},
    "sqs:ChangeMessageVisibilityBatch": {"sqs:ChangeMessageVisibility"},
    "sqs:SendMessageBatch": {"sqs:SendMessage"},
}
#: The objects of a bucket, a resource by its ARN, the secrets of the API, what Glue looks at to allow something on the
#: tables of the lake, a crawler by name, the workgroup of its queries, the log that Glue keeps of crawlers, the one
#: function that invokes itself, or the volume, the secret and the zone of the search host.
NAMED = re.compile(
    r'Arn\}(/[a-z_-]+){0,2}/\*"|"Fn::GetAtt"|"Ref": "CallerKey"|:secret:cesta/\$\{Stage\}/tenants/\*"'
    r'|:glue:[^*]*:(catalog|(database|table)/\$\{(Lake|Compras)Database\}(/\*)?)"'
    r'|:glue:[^*]*:crawler/\$\{[A-Za-z]+Crawler\}"|:athena:[^*]*:workgroup/\$\{LakeWorkgroup\}"'
    r'|:s3:::\$\{ArtifactBucket\}/spark/\*"'
    r'|:log-group:/aws-glue/crawlers|:function:cesta-\$\{Stage\}-analytics-api"'
    r'|:volume/\$\{SearchVolume\}"|:secret:cesta/\$\{Stage\}/search/host-\?{6}"'
    r'|:secret:\$\{ElasticsearchSecretId\}-\?{6}"'
)
#: What Dagster's client of EMR Serverless asks for, and the tags that it gives each run.
OF_A_SPARK_RUN = {
    *("StartJobRun", "GetJobRun", "CancelJobRun", "GetDashboardForJobRun", "GetApplication", "TagResource"),
}
SESSION = botocore.session.get_session()
#: The one module that asks S3.
S3_BUCKET = ROOT / "pipeline_assets" / "storage" / "s3.py"
STATEFUL = ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup")


def role_statements() -> list[Any]:
    return [
        pytest.param(statement, id=f"{role}-{statement['Sid']}")
        for role, properties in of_type("AWS::IAM::Role").items()
        for policy in properties["Policies"]
        for statement in statements(policy["PolicyDocument"])
    ]


def called_actions(package: FunctionPackage) -> set[str]:
    """Actions that the package's own code calls, page by page or at once."""
    files = first_party_files(package, import_graph()).values()
    source = "".join(file.read_text() for file in files if file != S3_BUCKET)
    return actions_in(source, package.services) - NOT_ITS_OWN.get(package.name, set())


def requests_of_methods() -> dict[str, set[str]]:
    """What each method of a bucket asks S3, by way of the bucket's other methods too: the names of the requests."""
    (bucket,) = (
        n for n in ast.parse(S3_BUCKET.read_text()).body if isinstance(n, ast.ClassDef) and n.name == "S3Bucket"
    )
    methods = {each.name: ast.unparse(each) for each in bucket.body if isinstance(each, ast.FunctionDef)}
    asked = {name: set(re.findall(r"self\.client\.(\w+)\(|'(list_\w+)'", code)) for name, code in methods.items()}
    found = {name: {request for pair in pairs for request in pair if request} for name, pairs in asked.items()}
    for _ in methods:
        for name, code in methods.items():
            found[name] |= {r for other in methods if f"self.{other}(" in code for r in found[other]}
    return {name: requests - {"get_paginator"} for name, requests in found.items() if not name.startswith("_")}


#: Who asks a bucket: a name or an attribute that holds one, or the storage that gives it.
ASKED_OF_A_BUCKET = re.compile(r"(?:\bbucket|_bucket|\bstores\.(?:raw|curated)|\.bucket\([^()]*\))\.(\w+)\(")


def s3_actions_in(source: str) -> set[str]:
    requests = requests_of_methods()
    asked = {request for method in ASKED_OF_A_BUCKET.findall(source) for request in requests.get(method, set())}
    return {f"s3:{name}" for name in SESSION.get_service_model("s3").operation_names if xform_name(name) in asked}


def actions_in(source: str, services: Iterable[str]) -> set[str]:
    called = s3_actions_in(source) if "s3" in services else set()
    called |= {
        f"{service}:{operation}"
        for service in services
        for operation in SESSION.get_service_model(service).operation_names
        if f".{xform_name(operation)}(" in source or f'get_paginator("{xform_name(operation)}")' in source
    }
    return {action for call in called for action in PERMISSIONS.get(call, {call})}


def text(value: Any) -> str:
    return json.dumps(value, default=str)


def at_its_longest(value: Any) -> Any:
    """A part of a policy with ARNs as long as those of a bucket with 63 letters, and names as they are at most."""
    if isinstance(value, dict) and value.keys() & {"Fn::GetAtt", "Fn::Sub"}:
        said = value.get("Fn::Sub", "${It.Arn}")
        for name, letters in (("AWS::Partition", 10), ("AWS::Region", 14), ("AWS::AccountId", 12)):
            said = said.replace(f"${{{name}}}", letters * "x")
        return re.sub(r"\$\{\w+\}", 45 * "x", re.sub(r"\$\{\w+\.Arn\}", 76 * "x", said))
    if isinstance(value, dict):
        return {name: at_its_longest(each) for name, each in value.items()}
    return [at_its_longest(each) for each in value] if isinstance(value, list) else value


def denials_without_tls(kind: str, names: str) -> dict[str, Any]:
    """The `OnlyOverTls` statement of each resource's policy, by logical id of the resource."""
    return {
        policy[names]["Ref"] if names == "Bucket" else policy[names][0]["Ref"]: statement
        for policy in of_type(kind).values()
        for statement in statements(policy["PolicyDocument"])
        if statement["Sid"] == "OnlyOverTls"
    }


class TestWhoMayDoWhat:
    def test_no_method_of_a_bucket_escapes_who_looks_for_its_callers(self) -> None:
        code = [file.read_text() for file in (ROOT / "pipeline_assets").rglob("*.py") if file != S3_BUCKET]
        requests = requests_of_methods()
        assert all(requests.values())
        assert {*requests} <= {method for each in code for method in ASKED_OF_A_BUCKET.findall(each)}

    @pytest.mark.parametrize("statement", role_statements())
    def test_a_role_names_its_actions_and_resources(self, statement: dict[str, Any]) -> None:
        assert not [action for action in as_list(statement["Action"]) if "*" in action]
        if narrowing := EVERY_RESOURCE_OF_THE_HOST.get(statement["Sid"]):
            assert list(statement.get("Condition", {narrowing: ""})) == [narrowing]
        elif statement["Sid"] not in EVERY_RESOURCE.keys() | EVERY_RESOURCE_OF_SPARK.keys():
            # A `*` stands for the objects of a bucket or the streams of a table, never for a bucket or an account.
            assert all(NAMED.search(text(resource)) for resource in as_list(statement["Resource"]))

    def test_what_names_every_resource_is_there_in_a_vpc_only(self) -> None:
        for role in of_type("AWS::IAM::Role").values():
            document = role["Policies"][0]["PolicyDocument"]
            always = {entry["Sid"] for entry in document["Statement"] if "Sid" in entry}
            in_vpc = {e["Fn::If"][1]["Sid"] for e in document["Statement"] if e.get("Fn::If", [None])[0] == "InVpc"}
            assert in_vpc in (set(EVERY_RESOURCE), set())
            assert not always & set(EVERY_RESOURCE)

    @pytest.mark.parametrize("package", packages(), ids=lambda package: package.name)
    def test_a_role_allows_what_its_code_calls_and_nothing_more(self, package: FunctionPackage) -> None:
        """The local cloud lets everything pass, so a permission that is missing would show on AWS only."""
        name = package.name.title().replace("-", "")
        document = RESOURCES[RESOURCES[name]["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]["Policies"][0]
        granted = {
            action
            for statement in statements(document["PolicyDocument"])
            if statement["Sid"] not in EVERY_RESOURCE
            for action in as_list(statement["Action"])
        }
        consumers = {m["FunctionName"]["Ref"]: m for m in of_type("AWS::Lambda::EventSourceMapping").values()}
        of_its_own = FOR_LOGGING.copy()
        if mapping := consumers.get(name):
            of_its_own |= FOR_A_STREAM if "StartingPosition" in mapping else FOR_A_CONSUMER
        assert granted == called_actions(package) | of_its_own | WITHOUT_A_CALL.get(package.name, set())

    def test_dagster_may_do_what_its_code_calls_on_named_resources(self) -> None:
        policies = [RESOURCES[name]["Properties"] for name in ("DagsterPolicy", "DagsterSearchPolicy")]
        policy = [statement for each in policies for statement in statements(each["PolicyDocument"])]
        granted = {action for statement in policy for action in as_list(statement["Action"])}
        # Dagster asks no query, which it knows as the ends of lineage, and lets nobody in.
        of_others = {ROOT / "pipeline_assets" / room for room in ("access", "queries")}
        # Nor does it add and remove tenants.
        of_others |= {ROOT / "pipeline_assets" / "search" / "tenants.py"}
        # Runs of Spark are of another service that has one of the same name, and have a policy of their own.
        of_others |= {ROOT / "pipeline_assets" / "lineage" / "spark.py"}
        code = (file for file in (ROOT / "pipeline_assets").rglob("*.py") if not of_others & {file, file.parent})
        source = "".join(file.read_text() for file in code)
        called = actions_in(source, ("dynamodb", "s3", "glue", "cloudwatch", "secretsmanager"))
        # The listing makes a missing object a 404.
        # What is put into the inbox is encrypted with its key, which S3 asks for.
        assert granted == called | {"s3:ListBucket", "kms:GenerateDataKey"}
        for statement in policy:
            if statement["Sid"] in EVERY_RESOURCE_OF_DAGSTER:
                assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Cesta"}}
            else:
                assert "*" not in as_list(statement["Resource"])
                assert all(NAMED.search(text(resource)) for resource in as_list(statement["Resource"]))

    @pytest.mark.parametrize("name", of_type("AWS::IAM::ManagedPolicy"))
    def test_a_managed_policy_is_short_enough_wherever_it_is_deployed(self, name: str) -> None:
        """IAM takes 6,144 characters of a managed policy, blanks not counted, and tells so only as it is deployed."""
        written = json.dumps(at_its_longest(RESOURCES[name]["Properties"]["PolicyDocument"]), separators=(",", ":"))
        assert len(written) <= 6_144

    def test_every_function_has_a_role_of_its_own_that_only_lambda_takes(self) -> None:
        roles = [function["Role"]["Fn::GetAtt"][0] for function in of_type("AWS::Lambda::Function").values()]
        assert len(set(roles)) == len(roles)
        for role in roles:
            trust = RESOURCES[role]["Properties"]["AssumeRolePolicyDocument"]
            assert [s["Principal"] for s in statements(trust)] == [{"Service": "lambda.amazonaws.com"}]
            assert "ManagedPolicyArns" not in RESOURCES[role]["Properties"]

    def test_dagster_starts_spark_jobs_in_their_one_application_with_their_one_role(self) -> None:
        policy = {s["Sid"]: s for s in statements(RESOURCES["DagsterSparkPolicy"]["Properties"]["PolicyDocument"])}
        assert policy["GiveJobsTheirRole"]["Resource"] == {"Fn::GetAtt": ["SparkJobRole", "Arn"]}
        assert policy["GiveJobsTheirRole"]["Condition"] == {
            "StringEquals": {"iam:PassedToService": "emr-serverless.amazonaws.com"}
        }
        assert {
            action
            for statement in policy.values()
            for action in as_list(statement["Action"])
            if action.startswith("emr-serverless:")
        } == {f"emr-serverless:{name}" for name in OF_A_SPARK_RUN}
        for statement in policy.values():
            assert all(NAMED.search(text(resource)) for resource in as_list(statement["Resource"]))
        (trust,) = statements(RESOURCES["SparkJobRole"]["Properties"]["AssumeRolePolicyDocument"])
        assert trust["Principal"] == {"Service": "emr-serverless.amazonaws.com"}
        assert trust["Condition"]["ArnLike"] == {"aws:SourceArn": {"Fn::GetAtt": ["SparkApplication", "Arn"]}}

    def test_a_spark_job_may_do_what_its_code_calls_and_nothing_more(self) -> None:
        """All jobs have one role: a job that calls something new needs it there."""
        imports = import_graph()
        modules = {SPARK.handler, *(address.partition(":")[0] for address in JOBS.values())}
        files = {f for module in modules for f in first_party_files(replace(SPARK, handler=module), imports).values()}
        source = "".join(file.read_text() for file in sorted(files) if file != S3_BUCKET)
        document = RESOURCES["SparkJobRole"]["Properties"]["Policies"][0]["PolicyDocument"]
        granted = {action for each in statements(document) for action in as_list(each["Action"])}
        to_log = FOR_LOGGING | {"logs:DescribeLogGroups", "logs:DescribeLogStreams"}
        assert granted - to_log == actions_in(source, SPARK.services) | {"s3:ListBucket"}
        assert to_log <= granted

    def test_the_generator_adds_price_files_and_nothing_else(self) -> None:
        (write, _) = statements(RESOURCES["GeneratorLambdaRole"]["Properties"]["Policies"][0]["PolicyDocument"])
        assert as_list(write["Action"]) == ["s3:PutObject"]
        assert write["Resource"] == {"Fn::Sub": "${StockBucket.Arn}/stocks/*"}

    def test_only_the_schedule_s_own_rule_starts_the_generator(self) -> None:
        (permission,) = (
            each
            for each in of_type("AWS::Lambda::Permission").values()
            if each["FunctionName"] == {"Ref": "GeneratorLambda"}
        )
        assert permission["Principal"] == "events.amazonaws.com"
        assert permission["SourceArn"] == {"Fn::GetAtt": ["GeneratorSchedule", "Arn"]}

    @pytest.mark.parametrize(
        ("policy", "bucket"), [(f"{row.resources}QueuePolicy", f"{row.resources}Bucket") for row in FED_BY_QUEUES]
    )
    def test_only_our_own_bucket_in_our_own_account_puts_messages_into_the_queue(
        self, policy: str, bucket: str
    ) -> None:
        document = RESOURCES[policy]["Properties"]["PolicyDocument"]
        allowed = [statement for statement in statements(document) if statement["Effect"] == "Allow"]
        assert [(s["Principal"], s["Action"]) for s in allowed] == [
            ({"Service": "s3.amazonaws.com"}, "sqs:SendMessage")
        ]
        condition = allowed[0]["Condition"]
        assert condition["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        source = condition["ArnEquals"]["aws:SourceArn"]["Fn::Sub"]
        assert source.endswith(RESOURCES[bucket]["Properties"]["BucketName"]["Fn::Sub"])

    @pytest.mark.parametrize(
        ("kind", "policy", "names"),
        [
            pytest.param("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket", id="buckets"),
            pytest.param("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues", id="queues"),
            pytest.param("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics", id="topics"),
        ],
    )
    def test_nothing_is_reached_without_tls(self, kind: str, policy: str, names: str) -> None:
        denials = denials_without_tls(policy, names)
        assert set(denials) == set(of_type(kind))
        for name, denial in denials.items():
            assert (denial["Effect"], denial["Principal"]) == ("Deny", "*")
            assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            assert all(name in text(resource) for resource in as_list(denial["Resource"]))
        if kind == "AWS::S3::Bucket":
            assert all(len(denial["Resource"]) == 2 for denial in denials.values()), "the bucket and its objects"

    def test_the_password_is_named_and_never_written(self) -> None:
        variables = RESOURCES["TicketsIngestion"]["Properties"]["Environment"]["Variables"]
        assert variables["NEO4J_PASSWORD"]["Fn::Sub"].startswith("{{resolve:secretsmanager:${Neo4jSecretId}:")
        assert not [name for name in READ["Parameters"] if "password" in name.lower()]


class TestWhatSurvives:
    @pytest.mark.parametrize("kind", STATEFUL)
    def test_what_holds_data_outlives_its_stack(self, kind: str) -> None:
        policies = {
            (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
            for resource in RESOURCES.values()
            if resource["Type"] == kind
        }
        # Except when it was made by a deployment that failed: then nothing is in it, and its name would stay taken.
        assert policies == {("RetainExceptOnCreate", "Retain")}

    def test_buckets_are_private_encrypted_and_versioned(self) -> None:
        for name, bucket in of_type("AWS::S3::Bucket").items():
            assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
            assert len(bucket["PublicAccessBlockConfiguration"]) == 4
            assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            rules = text(bucket["LifecycleConfiguration"])
            assert "AbortIncompleteMultipartUpload" in rules
            if name not in UNVERSIONED:
                assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
                assert "NoncurrentDays" in rules

    def test_of_the_raw_bucket_only_what_was_changed_lately_goes_by_age(self) -> None:
        rules = RESOURCES["RawBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
        expiring = [rule for rule in rules if "ExpirationInDays" in rule]
        assert [(rule["Prefix"], rule["ExpirationInDays"], rule["Status"]) for rule in expiring] == [
            (f"{KEYS}recent/", 90, "Enabled")
        ]
        # Neither snapshots of all keys nor rows are below it.
        for dataset in ECOMMERCE:
            assert recent_versions(dataset.name, "x").startswith(expiring[0]["Prefix"])
            assert not key_snapshot(dataset.name, "x").startswith(expiring[0]["Prefix"])

    def test_purchases_are_archived_by_age_and_what_was_replaced_goes(self) -> None:
        rules = of_type("AWS::S3::Bucket")["ComprasBucket"]["LifecycleConfiguration"]["Rules"]
        moved = {rule["Prefix"]: rule["Transitions"] for rule in rules if "Transitions" in rule}
        assert set(moved) == {table.prefix for table in COMPRAS_TABLES}
        for transitions in moved.values():
            assert transitions == [{"StorageClass": "GLACIER_IR", "TransitionInDays": {"Ref": "ComprasArchiveDays"}}]
        # Nothing of them goes but versions that were replaced, and what Spark puts an object together of.
        going = [rule["Prefix"] for rule in rules if "ExpirationInDays" in rule or "ExpirationDate" in rule]
        assert going == [STAGING]

    def test_what_may_hold_card_numbers_is_under_its_own_key_and_goes_after_a_day(self) -> None:
        bucket = RESOURCES["InboxBucket"]["Properties"]
        ((rule, *_), (encryption,)) = (
            bucket["LifecycleConfiguration"]["Rules"],
            bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"],
        )
        assert rule["Status"] == "Enabled"
        assert (rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"]) == (1, 1)
        assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
        assert "Prefix" not in rule
        assert encryption["ServerSideEncryptionByDefault"] == {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": {"Fn::GetAtt": ["InboxKey", "Arn"]},
        }
        denials = {s["Sid"]: s for s in statements(RESOURCES["InboxBucketPolicy"]["Properties"]["PolicyDocument"])}
        assert denials["OnlyUnderAKey"]["Effect"] == "Deny"
        assert RESOURCES["InboxKey"]["Properties"]["EnableKeyRotation"] is True

    def test_the_key_of_the_tokens_is_for_one_function_alone(self) -> None:
        told = {
            name: text(function["Environment"]["Variables"])
            for name, function in of_type("AWS::Lambda::Function").items()
        }
        assert [name for name, variables in told.items() if "CardTokenSecret" in variables] == ["InboxToRaw"]
        assert RESOURCES["InboxToRaw"]["Properties"]["KmsKeyArn"] == {"Fn::GetAtt": ["InboxKey", "Arn"]}
        may_open = [name for name in RESOURCES if "kms:Decrypt" in text(RESOURCES[name])]
        assert may_open == ["InboxToRawRole"]
        reads_inbox = [n for n, r in RESOURCES.items() if "s3:GetObject" in text(r) and "InboxBucket" in text(r)]
        assert reads_inbox == ["InboxToRawRole"]

    @pytest.mark.parametrize("name", ["LedgerTable", "StockData"])
    def test_a_table_can_be_restored_to_any_minute_and_is_paid_by_use(self, name: str) -> None:
        table = RESOURCES[name]["Properties"]
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        # Encrypted with a key that AWS owns: the other keys cost something for every request.
        assert table["SSESpecification"] == {"SSEEnabled": False}
        assert table["BillingMode"] == "PAY_PER_REQUEST"

    def test_tables_of_tenants_are_under_a_key_whose_use_is_recorded(self) -> None:
        tables = of_type("AWS::DynamoDB::Table")
        assert {name for name, table in tables.items() if table["SSESpecification"]["SSEEnabled"]} == {
            *("ComprasTable", "ProductosTable", "TenantsTable", "RequestsTable", "AskedQueriesTable")
        }

    def test_prices_are_keyed_by_ticker_and_time(self) -> None:
        table = RESOURCES["StockData"]["Properties"]
        assert [(k["AttributeName"], k["KeyType"]) for k in table["KeySchema"]] == [("PK", "HASH"), ("SK", "RANGE")]
        assert {a["AttributeType"] for a in table["AttributeDefinitions"]} == {"S"}

    @pytest.mark.parametrize(
        ("name", "letters"), [(f"{row.resources}Queue", f"{row.resources}DeadLetters") for row in FED_BY_QUEUES]
    )
    def test_dead_letters_are_kept_longer_than_messages(self, name: str, letters: str) -> None:
        queue, dead = RESOURCES[name]["Properties"], RESOURCES[letters]["Properties"]
        assert dead["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
        assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [letters, "Arn"]}
        permitted = dead["RedriveAllowPolicy"]["sourceQueueArns"]
        assert permitted[0]["Fn::Sub"].endswith(":" + queue["QueueName"]["Fn::Sub"])
