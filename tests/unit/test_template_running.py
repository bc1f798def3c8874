"""How the template runs its functions, and what it tells when they do not."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from deploy.packaging import PACKAGES, ROOT
from deploy.stack import outputs_by_kind
from pipeline_assets.events.queue import back_off_seconds
from pipeline_assets.flow_rows import FlowRow, StreamGroup
from pipeline_assets.flow_rows import FunctionPackage as Package
from pipeline_assets.flows import FLOWS
from pipeline_assets.operations.following import PATIENCE_SECONDS
from pipeline_assets.stocks.feed import FeedSettings
from pipeline_assets.stocks.stores import StockSettings
from pipeline_assets.tickets.stores import TicketSettings
from tests.worlds.template_reading import FED_BY_QUEUES, READ, RESOURCES, as_list, of_type, statements

#: Variables that do not take any text.
_OF_A_FORM = {"TICKETS_DAY_BEGINS"}


#: Log groups that are called otherwise than their functions, as their source documents have it.
LOG_GROUPS = {
    "ActualizarComprasStream": "lambdas-streams-actualizador-compras-${Stage}-actualizarComprasStream",
}
#: The prod sets with the beginning of their logical ids.
PROD_SETS = {
    "market-intelligence-hub": "MarketIntelligenceHub",
    "demand-insights-engine": "DemandInsightsEngine",
    "compliance-guardian": "ComplianceGuardian",
    "global-market-pulse": "GlobalMarketPulse",
    "retail-copilot": "RetailCopilot",
}


MAPPINGS = of_type("AWS::Lambda::EventSourceMapping")
QUEUE_MAPPINGS = {name: each for name, each in MAPPINGS.items() if "StartingPosition" not in each}


class TestHowItRuns:
    @pytest.mark.parametrize(
        ("function", "queue"),
        [(row.package.logical_id, f"{row.resources}Queue") for row in FED_BY_QUEUES if row.package],
    )
    def test_a_message_stays_hidden_for_six_timeouts(self, function: str, queue: str) -> None:
        timeout = RESOURCES[function]["Properties"]["Timeout"]
        assert RESOURCES[queue]["Properties"]["VisibilityTimeout"] >= 6 * timeout

    @pytest.mark.parametrize(
        ("queue", "alarm"), [(f"{row.resources}Queue", f"{row.resources}DeadLettersAlarm") for row in FED_BY_QUEUES]
    )
    def test_half_an_hour_without_the_target_makes_no_dead_letters(self, queue: str, alarm: str) -> None:
        receives = RESOURCES[queue]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
        last_try = sum(back_off_seconds(receive) for receive in range(1, receives))
        assert last_try > 30 * 60
        told = RESOURCES[alarm]["Properties"]["AlarmDescription"]
        assert f"after {receives} receives" in told

    def test_a_load_is_followed_until_a_crashed_invocation_comes_again(self) -> None:
        assert RESOURCES["TicketsQueue"]["Properties"]["VisibilityTimeout"] < PATIENCE_SECONDS

    @pytest.mark.parametrize(
        ("trigger", "cap", "batch"),
        [
            ("TicketsIngestionTrigger", "TicketsConcurrency", 10),
            ("ConsumerLambdaTrigger", "StocksConcurrency", 10),
            ("RawToCuratedTrigger", "CurationConcurrency", 1),
            ("InboxToRawTrigger", "InboxConcurrency", 1),
        ],
    )
    def test_the_mapping_reports_each_message_and_caps_the_writers(self, trigger: str, cap: str, batch: int) -> None:
        mapping = RESOURCES[trigger]["Properties"]
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["BatchSize"] == batch
        assert mapping["ScalingConfig"]["MaximumConcurrency"]["Fn::FindInMap"][1] == {"Ref": cap}
        choices = READ["Parameters"][cap]["AllowedValues"]
        caps = READ["Mappings"][mapping["ScalingConfig"]["MaximumConcurrency"]["Fn::FindInMap"][0]]
        assert {choice: int(choice) for choice in choices} == {key: cap["Invocations"] for key, cap in caps.items()}
        assert min(cap["Invocations"] for cap in caps.values()) >= 2

    def test_the_market_is_written_every_minute_unless_it_is_paused(self) -> None:
        rule = RESOURCES["GeneratorSchedule"]["Properties"]
        assert rule["ScheduleExpression"] == "rate(1 minute)"
        assert rule["State"] == {"Ref": "StockSchedule"}
        assert READ["Parameters"]["StockSchedule"]["Default"] == "DISABLED"
        assert [target["Arn"] for target in rule["Targets"]] == [{"Fn::GetAtt": ["GeneratorLambda", "Arn"]}]
        assert RESOURCES["GeneratorLambda"]["Properties"]["Timeout"] == 60

    def test_price_files_below_their_prefix_are_announced(self) -> None:
        (told,) = RESOURCES["StockBucket"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
        assert told["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": "stocks/"}]
        assert RESOURCES["StockQueue"]["Properties"]["VisibilityTimeout"] == 180

    @pytest.mark.parametrize(("bucket", "queue"), [("RawBucket", "RawQueue"), ("InboxBucket", "InboxQueue")])
    def test_every_object_of_the_lake_is_announced(self, bucket: str, queue: str) -> None:
        """Whatever its key: a new dataset needs no other notification, and a stray object has an end that is told."""
        (told,) = RESOURCES[bucket]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
        assert told == {"Event": "s3:ObjectCreated:*", "Queue": {"Fn::GetAtt": [queue, "Arn"]}}

    @pytest.mark.parametrize("name", ["RawToCurated", "CuratedToProd"])
    def test_each_function_of_the_lake_has_three_gigabytes_and_fifteen_minutes(self, name: str) -> None:
        function = RESOURCES[name]["Properties"]
        assert (function["Timeout"], _memory(function)) == (900, 3008)
        assert "python3.11" in READ["Parameters"][function["Runtime"]["Ref"]]["AllowedValues"]

    @pytest.mark.parametrize("name", ["ProductsToSearch", "ComprasToSearch"])
    def test_what_brings_changes_into_the_index_has_half_a_gigabyte_and_five_minutes(self, name: str) -> None:
        function = RESOURCES[name]["Properties"]
        assert (function["Timeout"], _memory(function)) == (300, 512)

    @pytest.mark.parametrize("name", of_type("AWS::Lambda::Function"))
    def test_a_new_account_may_have_as_much_memory_as_a_function_takes(self, name: str) -> None:
        assert _memory(RESOURCES[name]["Properties"]) <= 3008

    @pytest.mark.parametrize("name", of_type("AWS::Lambda::Function"))
    def test_who_may_write_to_its_own_queue_is_no_loop_to_lambda(self, name: str) -> None:
        """Without it Lambda drops the seventeenth invocation of a chain; who cannot make one keeps the protection."""
        function = RESOURCES[name]["Properties"]
        may_go_on = _sources(name) & _may_send_to(RESOURCES[function["Role"]["Fn::GetAtt"][0]]["Properties"])
        assert function.get("RecursiveLoop") == ("Allow" if may_go_on else None)

    @pytest.mark.parametrize("mapping", QUEUE_MAPPINGS)
    def test_who_works_off_a_queue_may_give_up_to_its_dead_letters(self, mapping: str) -> None:
        mapped = RESOURCES[mapping]["Properties"]
        queue, name = mapped["EventSourceArn"]["Fn::GetAtt"][0], mapped["FunctionName"]["Ref"]
        letters = RESOURCES[queue]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        role = RESOURCES[name]["Properties"]["Role"]["Fn::GetAtt"][0]
        assert _may_send_to(RESOURCES[role]["Properties"]) == {queue, letters}

    def test_every_function_behind_a_queue_goes_on_with_large_files(self) -> None:
        going_on = [name for name, each in of_type("AWS::Lambda::Function").items() if "RecursiveLoop" in each]
        mapped = {each["FunctionName"]["Ref"] for each in QUEUE_MAPPINGS.values()}
        assert set(going_on) == mapped
        assert len(mapped) == 5

    @pytest.mark.parametrize("name", [n for n, f in of_type("AWS::Lambda::Function").items() if "RecursiveLoop" in f])
    def test_a_continuation_that_lambda_drops_all_the_same_is_told(self, name: str) -> None:
        alarms = [
            alarm
            for alarm in of_type("AWS::CloudWatch::Alarm").values()
            if (alarm.get("Namespace"), alarm.get("MetricName")) == ("AWS/Lambda", "RecursiveInvocationsDropped")
            and alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": name}}]
        ]
        assert [alarm["Threshold"] for alarm in alarms] == [0]

    @pytest.mark.parametrize("row", [row for row in FLOWS if row.stream], ids=lambda row: row.name)
    def test_a_stream_blocks_on_nothing_and_loses_nothing(self, row: FlowRow) -> None:
        assert row.package
        mapping = MAPPINGS[f"{row.package.logical_id}Trigger"]
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["ParallelizationFactor"] == 1
        assert READ["Parameters"][mapping["MaximumRetryAttempts"]["Ref"]]["Default"] >= 3
        # What is given up has hours left in its stream, which keeps a record for a day.
        assert 0 < mapping["MaximumRecordAgeInSeconds"] <= 20 * 3600
        letters = mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
        assert RESOURCES[letters]["Properties"]["MessageRetentionPeriod"] == 14 * 86_400
        role = RESOURCES[row.package.logical_id]["Properties"]["Role"]["Fn::GetAtt"][0]
        assert _may_send_to(RESOURCES[role]["Properties"]) == {letters}
        assert isinstance(row.group, StreamGroup)
        table = of_type("AWS::DynamoDB::Table")[row.group.table]
        assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
        assert mapping["EventSourceArn"]["Fn::If"][1] == {"Fn::GetAtt": [row.group.table, "StreamArn"]}

    def test_concurrency_is_never_reserved(self) -> None:
        assert not [f for f in of_type("AWS::Lambda::Function").values() if "ReservedConcurrentExecutions" in f]

    def test_a_function_logs_to_a_group_that_is_there_before_and_forgets(self) -> None:
        for name, function in of_type("AWS::Lambda::Function").items():
            group = RESOURCES[function["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]
            assert group["RetentionInDays"] == 30
            called = LOG_GROUPS.get(name, function["FunctionName"]["Fn::Sub"])
            assert group["LogGroupName"]["Fn::Sub"] == f"/aws/lambda/{called}", name

    @pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
    def test_a_package_has_its_function(self, package: Package) -> None:
        name = package.name.title().replace("-", "")
        function = RESOURCES[name]["Properties"]
        assert function["Handler"] == f"{package.handler}.lambda_handler"
        assert function["Code"] == {"S3Bucket": {"Ref": "ArtifactBucket"}, "S3Key": {"Ref": f"{name}Package"}}

    @pytest.mark.parametrize(
        ("function", "settings"),
        [("TicketsIngestion", TicketSettings), ("ConsumerLambda", StockSettings), ("GeneratorLambda", FeedSettings)],
    )
    def test_a_function_gets_every_setting(
        self, function: str, settings: type[TicketSettings | StockSettings | FeedSettings]
    ) -> None:
        variables = RESOURCES[function]["Properties"]["Environment"]["Variables"]
        defaults = {
            name: READ["Parameters"][value["Ref"]]["Default"] for name, value in variables.items() if name in _OF_A_FORM
        }
        assert settings.from_environment(dict.fromkeys(variables, "bolt://graph") | defaults)

    def test_the_consumer_is_told_its_table_by_name(self) -> None:
        variables = RESOURCES["ConsumerLambda"]["Properties"]["Environment"]["Variables"]
        assert variables["TABLE_NAME"] == {"Ref": "StockData"}

    def test_a_price_is_never_deleted(self) -> None:
        document = RESOURCES["ConsumerLambdaRole"]["Properties"]["Policies"][0]["PolicyDocument"]
        (prices,) = (s for s in statements(document) if s["Resource"] == {"Fn::GetAtt": ["StockData", "Arn"]})
        assert as_list(prices["Action"]) == ["dynamodb:PutItem"]

    def test_outputs_are_filed_by_kind_and_name(self) -> None:
        outputs = READ["Outputs"]
        assert outputs_by_kind({key: _referred(output["Value"]) for key, output in outputs.items()}) == {
            "buckets": {
                "tickets": "TicketsBucket",
                "quarantine": "QuarantineBucket",
                "stocks": "StockBucket",
                "raw": "RawBucket",
                "curated": "CuratedBucket",
                "inbox": "InboxBucket",
                "compras": "ComprasBucket",
                "page": "PageBucket",
                **{name: f"{each}Bucket" for name, each in PROD_SETS.items()},
            },
            "queues": {
                "tickets": "TicketsQueue",
                "tickets-dlq": "TicketsDeadLetters",
                "stocks": "StockQueue",
                "stocks-dlq": "StockDeadLetters",
                "raw": "RawQueue",
                "raw-dlq": "RawDeadLetters",
                "inbox": "InboxQueue",
                "inbox-dlq": "InboxDeadLetters",
                "curated": "CuratedQueue",
                "curated-dlq": "CuratedDeadLetters",
                "compras-dlq": "ComprasDeadLetters",
                "products-search-dlq": "ProductsSearchDeadLetters",
                "compras-search-dlq": "ComprasSearchDeadLetters",
            },
            "tables": {
                "ledger": "LedgerTable",
                "stocks": "StockData",
                "compras": "ComprasTable",
                "products": "ProductosTable",
                "tenants": "TenantsTable",
                "requests": "RequestsTable",
                "asked-queries": "AskedQueriesTable",
            },
            "databases": {"compras": "ComprasDatabase", "lake": "LakeDatabase"},
            "workgroups": {"lake": "LakeWorkgroup"},
            "functions": {
                "tickets-ingestion": "TicketsIngestion",
                "generator": "GeneratorLambda",
                "consumer": "ConsumerLambda",
                "raw-to-curated": "RawToCurated",
                "inbox-to-raw": "InboxToRaw",
                "curated-to-prod": "CuratedToProd",
                "actualizar-compras-stream": "ActualizarComprasStream",
                "generar-reporte-compras": "GenerarReporteCompras",
                "query-sql": "QuerySql",
                "products-to-search": "ProductsToSearch",
                "compras-to-search": "ComprasToSearch",
                "search-api": "SearchApi",
                "analytics-api": "AnalyticsApi",
            },
            "rules": {"generator": "GeneratorSchedule"},
            "settings": {"tickets-day-begins": "TicketsDayBegins"},
            "crawlers": {name: f"{each}Crawler" for name, each in PROD_SETS.items()},
        }


def _referred(value: dict[str, Any]) -> str:
    """What an output refers to; of two, the first, which the template makes itself."""
    found = value["Fn::If"][1] if "Fn::If" in value else value
    if "Fn::Sub" in found:
        return str(found["Fn::Sub"])
    return str(found["Fn::GetAtt"][0] if "Fn::GetAtt" in found else found["Ref"])


def _memory(function: dict[str, Any]) -> int:
    size = function["MemorySize"]
    return int(READ["Parameters"][size["Ref"]]["Default"] if isinstance(size, dict) else size)


def _sources(function: str) -> set[str]:
    """The queues that invoke a function."""
    mappings = of_type("AWS::Lambda::EventSourceMapping").values()
    mine = (each["EventSourceArn"] for each in mappings if each["FunctionName"] == {"Ref": function})
    return {source["Fn::GetAtt"][0] for source in mine if "Fn::GetAtt" in source}


def _may_send_to(role: dict[str, Any]) -> set[str]:
    """The queues that a role may send messages to."""
    return {
        resource["Fn::GetAtt"][0]
        for policy in role["Policies"]
        for statement in statements(policy["PolicyDocument"])
        if statement["Effect"] == "Allow" and {"sqs:SendMessage", "sqs:*"} & set(as_list(statement["Action"]))
        for resource in as_list(statement["Resource"])
    }


def _watched(alarm: dict[str, Any]) -> tuple[str, str]:
    """Namespace and metric of an alarm, also of one that asks for them in a query."""
    if "Metrics" not in alarm:
        return alarm["Namespace"], alarm["MetricName"]
    (query,) = alarm["Metrics"]
    found = re.fullmatch(r"SELECT \w+\((\w+)\) FROM \"([^\"]+)\" WHERE .*", query["Expression"]["Fn::Sub"])
    assert found
    return found[2], found[1]


class TestSpark:
    """What one machine does not hold is worked by an application that not every stack has."""

    APPLICATION = RESOURCES["SparkApplication"]["Properties"]

    def test_a_stack_without_the_package_has_nothing_of_it(self) -> None:
        assert READ["Parameters"]["SparkPackage"]["Default"] == ""
        assert READ["Conditions"]["HasSpark"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "SparkPackage"}, ""]}]}
        named = {
            name: each for kind in ("Resources", "Outputs") for name, each in READ[kind].items() if "Spark" in name
        }
        assert {each.get("Condition") for each in named.values()} == {"HasSpark"}
        others = {name: each for name, each in RESOURCES.items() if name not in named}
        assert not [name for name, each in others.items() if re.search(r"Spark(Application|JobRole|Logs)", str(each))]

    def test_its_capacity_is_bounded_and_nothing_waits_for_pay(self) -> None:
        choices = READ["Mappings"]["SparkCapacity"]
        assert list(choices) == READ["Parameters"]["SparkCapacity"]["AllowedValues"]
        assert READ["Parameters"]["SparkCapacity"]["Default"] == "16", "the quota of a new account"
        for vcpus, sizes in choices.items():
            # Workers of 2 vCPUs, 16 GB and 60 GB of disk fit in without a rest.
            assert sizes == {
                "Cpu": f"{vcpus} vCPU",
                "Memory": f"{8 * int(vcpus)} GB",
                "Disk": f"{30 * int(vcpus)} GB",
            }
        assert set(self.APPLICATION["MaximumCapacity"]) == {"Cpu", "Memory", "Disk"}
        assert "InitialCapacity" not in self.APPLICATION
        assert self.APPLICATION["AutoStopConfiguration"] == {"Enabled": True, "IdleTimeoutMinutes": 1}

    def test_it_is_in_the_private_subnets_where_there_are_any(self) -> None:
        condition, inside, outside = self.APPLICATION["NetworkConfiguration"]["Fn::If"]
        assert (condition, outside) == ("InVpc", {"Ref": "AWS::NoValue"})
        assert {name: value["Fn::Split"][1]["Ref"] for name, value in inside.items()} == {
            "SubnetIds": "VpcSubnetIds",
            "SecurityGroupIds": "VpcSecurityGroupIds",
        }

    def test_dagster_finds_the_messages_of_a_job_in_the_log(self) -> None:
        log = self.APPLICATION["MonitoringConfiguration"]["CloudWatchLoggingConfiguration"]
        assert (log["Enabled"], log["LogGroupName"]) == (True, {"Ref": "SparkLogs"})
        assert [(each["Key"], each["Value"]) for each in log["LogTypeMap"]] == [("SPARK_DRIVER", ["STDOUT", "STDERR"])]
        assert RESOURCES["SparkLogs"]["Properties"]["RetentionInDays"] == 30

    def test_its_release_has_the_spark_of_the_tests(self) -> None:
        """A job that the tests ran on one Spark must not meet another in the cloud."""
        (pinned,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["spark"]
        assert READ["Parameters"]["SparkRelease"]["Default"] == "emr-spark-8.0.0"
        assert pinned == "pyspark>=4.0.2,<4.1", "emr-spark-8.0.0 has Spark 4.0.2"


class TestWhatIsTold:
    @pytest.mark.parametrize("alarm", of_type("AWS::CloudWatch::Alarm").items(), ids=lambda alarm: alarm[0])
    def test_every_alarm_reaches_the_topic(self, alarm: tuple[str, dict[str, Any]]) -> None:
        _, properties = alarm
        assert properties["AlarmActions"] == properties["OKActions"] == [{"Ref": "AlarmTopic"}]
        publishing = RESOURCES["AlarmTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
        watched = publishing["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"].rpartition(":alarm:")[2]
        assert properties["AlarmName"]["Fn::Sub"].startswith(watched.removesuffix("*"))

    def test_what_goes_wrong_has_an_alarm(self) -> None:
        watched = {_watched(alarm) for alarm in of_type("AWS::CloudWatch::Alarm").values()}
        assert watched == {
            ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
            ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
            ("AWS/Lambda", "Errors"),
            ("AWS/Lambda", "IteratorAge"),
            ("AWS/Lambda", "RecursiveInvocationsDropped"),
            ("AWS/Lambda", "Throttles"),
            ("AWS/Athena", "ProcessedBytes"),
            ("AWS/EMRServerless", "FailedJobs"),
            ("AWS/EMRServerless", "RunningJobs"),
            ("Cesta", "PendingReceipts"),
            ("Cesta", "MessagesRetried"),
            ("Cesta", "BatchesRetried"),
            ("Cesta", "OverdueLoads"),
            ("Cesta", "RequestsFailed"),
            ("Cesta", "RequestTime"),
            ("Cesta", "SearchUnavailable"),
            ("Cesta", "SearchDiskUsed"),
            ("Cesta", "SearchCertificateDays"),
        }

    def test_a_graph_that_is_down_is_told_by_what_the_function_writes(self) -> None:
        alarm = RESOURCES["TicketsRetriedAlarm"]["Properties"]
        variables = RESOURCES["TicketsIngestion"]["Properties"]["Environment"]["Variables"]
        assert alarm["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"]
        assert alarm["Dimensions"] == [{"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}]
        assert (alarm["Statistic"], alarm["Threshold"], alarm["ComparisonOperator"]) == (
            "Sum",
            0,
            "GreaterThanThreshold",
        )
        assert (alarm["Period"], alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (60, 2, 10)
        assert alarm["TreatMissingData"] == "notBreaching"

    def test_a_bridge_that_falls_silent_is_told_and_one_that_never_was_is_not(self) -> None:
        lineage = RESOURCES["TicketsLineageAlarm"]["Properties"]
        assert lineage["TreatMissingData"] == "missing"
        assert lineage["InsufficientDataActions"] == [{"Ref": "AlarmTopic"}]
