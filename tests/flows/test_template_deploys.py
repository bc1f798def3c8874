"""The template of production, deployed to the local cloud as it stands, and read back from there.

What the local cloud drops without a word (lifecycle rules, point-in-time recovery, the table's own encryption, who may
do what) is checked in the template itself, by `tests/unit/test_template.py`.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from deploy.local.cloud import cloud_child, cloud_is_ready
from deploy.local.engine_environment import install_engines
from deploy.local.instance import Instance, port_answers
from deploy.local.processes import end_group, kill_group, start
from deploy.local.stack import cloud_session
from deploy.packaging import OUT
from deploy.stack import TEMPLATE, DeployError, deploy_stack, outputs_by_kind, stack_outputs
from pipeline_assets.analytics.tables import PROD_CATALOGS
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from tests.worlds.stack import built_packages, packages_to_deploy

if TYPE_CHECKING:
    import boto3

PASSWORD = "corn-flakes-and-milk"
TOKEN_KEY = {"key_id": "test-1", "key": "0f" * 32}
GRAPH = {
    "Neo4jUri": "bolt://127.0.0.1:1",
    "ElasticsearchUrl": "http://127.0.0.1:1",
    "Neo4jSecretId": "cesta/graph",
    "CardTokenSecretId": "cesta/card-token",
    "StockSchedule": "DISABLED",
}


@dataclass
class Cloud:
    """A local cloud of its own, which a test may kill."""

    instance: Instance
    packages: Path
    #: For stages whose functions nobody calls.
    any_packages: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def session(self) -> boto3.Session:
        return cloud_session()

    def client(self, service: str) -> Any:
        return self.session.client(cast("Any", service), endpoint_url=self.instance.endpoint_url)

    def start(self) -> None:
        child = cloud_child(self.instance, install_engines())
        self.process = start(child.command, child.environment, child.log, child.directory)
        deadline = time.monotonic() + child.start_seconds
        while not cloud_is_ready(self.instance):
            assert time.monotonic() < deadline, child.log.read_text()
            time.sleep(0.05)
        secrets = self.client("secretsmanager")
        for name, value in (("Neo4jSecretId", {"password": PASSWORD}), ("CardTokenSecretId", TOKEN_KEY)):
            with suppress(secrets.exceptions.ResourceExistsException):  # a killed cloud may have kept it
                secrets.create_secret(Name=GRAPH[name], SecretString=json.dumps(value))

    def kill(self) -> None:
        assert self.process is not None
        kill_group(self.process.pid)
        self.process.wait()

    def deploy(self, stage: str = "dev", **parameters: str) -> dict[str, str]:
        given = {**GRAPH, **parameters}
        packages = self.packages if stage == "dev" else self.any_packages
        return deploy_stack(self.session, given, packages, endpoint_url=self.instance.endpoint_url, stage=stage)


@pytest.fixture(scope="module")
def packages() -> Path:
    built_packages()
    return OUT


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, packages: Path) -> Iterator[Cloud]:
    base = next(port for port in range(25_300, 26_300, 10) if not port_answers(port))
    instance = Instance(tmp_path_factory.mktemp("state"), base)
    instance.prepare()
    cloud = Cloud(instance, packages, packages_to_deploy(tmp_path_factory.mktemp("packages")))
    try:
        cloud.start()
        yield cloud
    finally:
        if cloud.process is not None:
            end_group(cloud.process.pid, within=10)


@pytest.fixture(scope="module")
def outputs(cloud: Cloud) -> dict[str, str]:
    return cloud.deploy()


@pytest.fixture(scope="module")
def names(outputs: dict[str, str]) -> dict[str, dict[str, str]]:
    return outputs_by_kind(outputs)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 200, id="a program"),
        pytest.param({"Origin": "https://shop.example"}, 403, id="a web page"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="a picture in a web page"),
        pytest.param({"Host": "rebound.example"}, 403, id="a foreign name for this machine"),
        pytest.param({"Host": "some-bucket.localhost:4566"}, 200, id="a bucket's own name"),
    ],
)
def test_the_local_cloud_answers_programs_and_no_web_page(cloud: Cloud, headers: dict[str, str], status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", cloud.instance.port("cloud"), timeout=10)
    connection.request("GET", "/_ministack/ready", headers=headers)
    answer = connection.getresponse()
    assert answer.status == status
    answer.read()
    connection.close()


class TestReadBack:
    def test_outputs_are_there_for_any_other_program(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        assert stack_outputs(cloud.session, endpoint_url=cloud.instance.endpoint_url) == outputs
        with pytest.raises(DeployError, match="there is no stack cesta-absent"):
            stack_outputs(cloud.session, endpoint_url=cloud.instance.endpoint_url, stage="absent")

    def test_the_bucket_notifies_the_queue(self, cloud: Cloud, names: dict[str, dict[str, str]]) -> None:
        queue = self.queue(cloud, names, "tickets")
        told = cloud.client("s3").get_bucket_notification_configuration(Bucket=names["buckets"]["tickets"])
        assert [(c["QueueArn"], c["Events"]) for c in told["QueueConfigurations"]] == [
            (queue["QueueArn"], ["s3:ObjectCreated:*"])
        ]
        policy = {statement["Sid"]: statement for statement in json.loads(queue["Policy"])["Statement"]}
        assert policy["TicketsBucketNotifies"]["Condition"] == {
            "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{names['buckets']['tickets']}"},
            "StringEquals": {"aws:SourceAccount": "000000000000"},
        }

    @pytest.mark.parametrize("bucket", ["tickets", "quarantine", "raw", "curated", "inbox"])
    def test_buckets_are_private_versioned_and_encrypted(
        self, cloud: Cloud, names: dict[str, dict[str, str]], bucket: str
    ) -> None:
        s3, name = cloud.client("s3"), names["buckets"][bucket]
        assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
        assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
        assert s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=name)["Policy"]

    def test_messages_come_back_forty_times_and_then_are_dead_letters(
        self, cloud: Cloud, names: dict[str, dict[str, str]]
    ) -> None:
        queue, dead = self.queue(cloud, names, "tickets"), self.queue(cloud, names, "tickets-dlq")
        assert json.loads(queue["RedrivePolicy"]) == {"deadLetterTargetArn": dead["QueueArn"], "maxReceiveCount": 40}
        assert json.loads(dead["RedriveAllowPolicy"])["sourceQueueArns"] == [queue["QueueArn"]]
        assert (queue["VisibilityTimeout"], dead["MessageRetentionPeriod"]) == ("360", "1209600")
        assert queue["SqsManagedSseEnabled"] == dead["SqsManagedSseEnabled"] == "true"

    def test_the_function_knows_its_stores_and_the_password(
        self, cloud: Cloud, outputs: dict[str, str], names: dict[str, dict[str, str]]
    ) -> None:
        function = cloud.client("lambda").get_function_configuration(FunctionName=outputs["FunctionTicketsIngestion"])
        variables = function["Environment"]["Variables"]
        assert variables["NEO4J_PASSWORD"] == PASSWORD
        assert variables["NEO4J_URI"] == GRAPH["Neo4jUri"]
        assert variables["QUARANTINE_BUCKET"] == names["buckets"]["quarantine"]
        assert variables["TICKETS_QUEUE_URL"] == names["queues"]["tickets"]
        assert variables["LEDGER_TABLE"] == names["tables"]["ledger"]
        assert (function["Timeout"], function["MemorySize"]) == (60, 1024)

    def test_the_policy_of_dagster_is_there_to_be_attached(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        policy = cloud.client("iam").get_policy(PolicyArn=outputs["PolicyDagster"])["Policy"]
        version = cloud.client("iam").get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        document = version["PolicyVersion"]["Document"]
        assert outputs["TableLedger"] in str(document)
        assert outputs["BucketQuarantine"] in str(document)

    def test_one_function_knows_the_key_of_the_tokens_and_the_stack_does_not(
        self, cloud: Cloud, outputs: dict[str, str], names: dict[str, dict[str, str]]
    ) -> None:
        functions, stacks = cloud.client("lambda"), cloud.client("cloudformation")
        told = {
            name: functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
            for name, function in names["functions"].items()
        }
        knowing = {name: each for name, each in told.items() if TOKEN_KEY["key"] in each.values()}
        assert knowing.keys() == {"inbox-to-raw"}
        assert knowing["inbox-to-raw"]["CARD_TOKEN_KEY_ID"] == TOKEN_KEY["key_id"]
        assert outputs
        for said in (stacks.get_template, stacks.describe_stacks, stacks.describe_stack_events):
            assert TOKEN_KEY["key"] not in str(said(StackName="cesta-dev"))

    def test_what_lands_in_the_lake_is_announced_whatever_its_key(
        self, cloud: Cloud, names: dict[str, dict[str, str]]
    ) -> None:
        for name in ("raw", "inbox"):
            told = cloud.client("s3").get_bucket_notification_configuration(Bucket=names["buckets"][name])
            (configuration,) = told["QueueConfigurations"]
            assert configuration["QueueArn"] == self.queue(cloud, names, name)["QueueArn"]
            assert configuration["Events"] == ["s3:ObjectCreated:*"]
            assert "Filter" not in configuration

    def test_every_dataset_is_a_table_with_its_columns(self, cloud: Cloud, names: dict[str, dict[str, str]]) -> None:
        tables = cloud.client("glue").get_tables(DatabaseName=names["databases"]["lake"])["TableList"]
        found = {table["Name"]: table for table in tables}
        of_sets = {table.name for catalog in PROD_CATALOGS for table in catalog}
        assert found.keys() == {dataset.name for dataset in ECOMMERCE} | {"rejected_rows"} | of_sets
        trends = found["sales_trends"]["StorageDescriptor"]["Location"]
        assert trends == f"s3://{names['buckets']['market-intelligence-hub']}/sales_trends/"
        columns = [column["Name"] for column in found["payments"]["StorageDescriptor"]["Columns"]]
        assert {"card_last_four", "card_token"} <= set(columns)
        assert not {"card_number", "card_security_code"} & set(columns)
        assert found["payments"]["StorageDescriptor"]["Location"] == f"s3://{names['buckets']['curated']}/payments/"

    def test_every_set_has_a_crawler_that_looks_at_its_tables_and_changes_none(
        self, cloud: Cloud, names: dict[str, dict[str, str]]
    ) -> None:
        for catalog in PROD_CATALOGS:
            crawler = cloud.client("glue").get_crawler(Name=names["crawlers"][catalog.name])["Crawler"]
            (target,) = crawler["Targets"]["CatalogTargets"]
            assert (target["DatabaseName"], sorted(target["Tables"])) == (
                names["databases"]["lake"],
                sorted(catalog.names),
            )
            assert crawler["SchemaChangePolicy"] == {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}

    def test_the_stack_does_not_know_the_password(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        stacks = cloud.client("cloudformation")
        assert outputs
        assert PASSWORD not in str(stacks.get_template(StackName="cesta-dev"))
        assert PASSWORD not in str(stacks.describe_stacks(StackName="cesta-dev"))
        assert PASSWORD not in str(stacks.describe_stack_events(StackName="cesta-dev"))

    def test_the_mapping_reports_each_message_and_caps_the_writers(
        self, cloud: Cloud, names: dict[str, dict[str, str]]
    ) -> None:
        function = names["functions"]["tickets-ingestion"]
        (mapping,) = cloud.client("lambda").list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
        assert mapping["State"] == "Enabled"
        assert (mapping["BatchSize"], mapping["FunctionResponseTypes"]) == (10, ["ReportBatchItemFailures"])
        assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
        assert "ReservedConcurrentExecutions" not in cloud.client("lambda").get_function_concurrency(
            FunctionName=function
        )

    def test_the_ledger_is_keyed_and_paid_by_request(self, cloud: Cloud, names: dict[str, dict[str, str]]) -> None:
        table = cloud.client("dynamodb").describe_table(TableName=names["tables"]["ledger"])["Table"]
        assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [
            ("pk", "HASH"),
            ("sk", "RANGE"),
        ]
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"

    def test_logs_go_after_a_month(self, cloud: Cloud, names: dict[str, dict[str, str]]) -> None:
        prefix = f"/aws/lambda/{names['functions']['tickets-ingestion']}"
        (group,) = cloud.client("logs").describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]
        assert group["retentionInDays"] == 30

    def test_the_function_runs_from_its_package(self, cloud: Cloud, names: dict[str, dict[str, str]]) -> None:
        """There is no graph here, so a message may well have to come again; the handler says so and does not break."""
        record = {
            "messageId": "m-1",
            "receiptHandle": "r-1",
            "body": json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:cesta-dev-tickets",
            "awsRegion": "us-east-1",
        }
        answer = cloud.client("lambda").invoke(
            FunctionName=names["functions"]["tickets-ingestion"], Payload=json.dumps({"Records": [record]}).encode()
        )
        said = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, said
        assert set(said) == {"batchItemFailures"}

    def test_an_alarm_reaches_whoever_listens_to_the_topic(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        sqs, watch = cloud.client("sqs"), cloud.client("cloudwatch")
        listener = sqs.create_queue(QueueName="listener")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=listener, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        cloud.client("sns").subscribe(TopicArn=outputs["TopicAlarms"], Protocol="sqs", Endpoint=arn)
        of = [{"Name": "Flow", "Value": "tickets"}, {"Name": "Ledger", "Value": outputs["TableLedger"]}]
        lag = {"MetricName": "PendingReceipts", "Dimensions": of, "Value": 501.0}
        watch.put_metric_data(Namespace="Cesta", MetricData=[lag])
        watch.describe_alarms()  # the local cloud looks at its alarms when it is asked about them
        told: set[tuple[str, str]] = set()
        # Beside it, alarms that were never looked at before say that they are over.
        while ("cesta-dev-tickets-lineage", "ALARM") not in told:
            answer = sqs.receive_message(QueueUrl=listener, WaitTimeSeconds=5, MaxNumberOfMessages=10)
            assert answer.get("Messages"), told
            for message in answer["Messages"]:
                alarm = json.loads(json.loads(message["Body"])["Message"])
                told.add((alarm["AlarmName"], alarm["NewStateValue"]))

    @staticmethod
    def queue(cloud: Cloud, names: dict[str, dict[str, str]], name: str) -> dict[str, str]:
        answer = cloud.client("sqs").get_queue_attributes(QueueUrl=names["queues"][name], AttributeNames=["All"])
        return cast("dict[str, str]", answer["Attributes"])


class TestDeployingAgain:
    def test_without_a_change_nothing_happens(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        events = self.events(cloud)
        assert cloud.deploy() == outputs
        assert self.events(cloud) == events

    def test_a_parameter_changes_what_depends_on_it(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        cloud.deploy(TicketsConcurrency="4", VpcSubnetIds="subnet-1,subnet-2", VpcSecurityGroupIds="sg-1")
        functions = cloud.client("lambda")
        mappings = functions.list_event_source_mappings(FunctionName=outputs["FunctionTicketsIngestion"])
        (mapping,) = mappings["EventSourceMappings"]
        assert mapping["ScalingConfig"] == {"MaximumConcurrency": 4}
        assert "ec2:CreateNetworkInterface" in self.policy(cloud)
        cloud.deploy()
        assert "ec2:CreateNetworkInterface" in self.policy(cloud), "what is not given stays as it is"
        assert cloud.deploy(TicketsConcurrency="2", VpcSubnetIds="", VpcSecurityGroupIds="") == outputs
        assert "ec2:" not in self.policy(cloud)

    def test_an_address_for_the_alarms_is_subscribed(self, cloud: Cloud) -> None:
        topic = cloud.deploy(AlarmEmail="shop@example.com")["TopicAlarms"]
        subscribed = cloud.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        assert ("email", "shop@example.com") in {(s["Protocol"], s["Endpoint"]) for s in subscribed}

    def test_subnets_without_security_groups_are_refused(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        with pytest.raises(DeployError, match="VpcSubnetIds needs VpcSecurityGroupIds"):
            cloud.deploy(VpcSubnetIds="subnet-1")
        assert cloud.deploy() == outputs

    def test_a_failure_names_the_resource_and_its_reason_and_is_taken_back(
        self, cloud: Cloud, outputs: dict[str, str]
    ) -> None:
        with pytest.raises(DeployError, match=r"TicketsIngestion \(AWS::Lambda::Function\).*cesta/absent"):
            cloud.deploy(Neo4jSecretId="cesta/absent")
        assert cloud.deploy() == outputs

    def test_a_first_deployment_that_failed_leaves_nothing_in_the_way(self, cloud: Cloud) -> None:
        with pytest.raises(DeployError, match=r"TicketsIngestion \(AWS::Lambda::Function\).*cesta/absent"):
            cloud.deploy("first", Neo4jSecretId="cesta/absent")
        assert cloud.deploy("first")["TableLedger"] == "cesta-first-ledger"

    def test_what_a_deleted_stack_left_is_taken_over(self, cloud: Cloud) -> None:
        before = cloud.deploy("again")
        cloud.client("s3").put_object(Bucket=before["BucketQuarantine"], Key="tickets/kept", Body=b"kept")
        cloud.client("cloudformation").delete_stack(StackName="cesta-again")
        cloud.client("cloudformation").get_waiter("stack_delete_complete").wait(
            StackName="cesta-again", WaiterConfig={"Delay": 1}
        )
        after = cloud.deploy("again")
        # Their names are AWS's own choice, each time another; whatever else there was is taken over.
        chosen = {name for name in before if name in {"UserPool", "UserPoolClient", "WebApi", "WebPage"}}
        assert {n: v for n, v in after.items() if n not in chosen} == {
            n: v for n, v in before.items() if n not in chosen
        }
        assert after.keys() == before.keys() >= chosen
        assert cloud.client("s3").get_object(Bucket=before["BucketQuarantine"], Key="tickets/kept")["Body"].read()

    def test_a_killed_cloud_is_deployed_again_over_its_files(self, cloud: Cloud, outputs: dict[str, str]) -> None:
        """Killed, it keeps its objects; whether it kept the stack as well depends on the moment."""
        bucket = outputs["BucketTickets"]
        cloud.client("s3").put_object(Bucket=bucket, Key="before.csv", Body=b"before")
        cloud.kill()
        cloud.start()
        assert cloud.deploy() == outputs
        s3 = cloud.client("s3")
        assert s3.get_object(Bucket=bucket, Key="before.csv")["Body"].read() == b"before"
        assert s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"

    @staticmethod
    def events(cloud: Cloud) -> int:
        return len(cloud.client("cloudformation").describe_stack_events(StackName="cesta-dev")["StackEvents"])

    @staticmethod
    def policy(cloud: Cloud) -> str:
        roles = cloud.client("iam").list_roles()["Roles"]
        (role,) = [role["RoleName"] for role in roles if role["RoleName"].startswith("cesta-dev-TicketsIngestionRole")]
        return str(cloud.client("iam").get_role_policy(RoleName=role, PolicyName="tickets-ingestion"))


def test_the_file_is_deployed_as_it_stands(cloud: Cloud, outputs: dict[str, str]) -> None:
    assert outputs
    deployed = cloud.client("cloudformation").get_template(StackName="cesta-dev", TemplateStage="Original")
    assert deployed["TemplateBody"] == TEMPLATE.read_text()
