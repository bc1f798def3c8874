"""The search host in the template: who reaches it, what it may, what survives it and what it is told."""

from __future__ import annotations

import ast
from typing import Any

import yaml

from deploy.search_host.names import PORT, host_name, secret_name
from deploy.template_blocks.search_host import HOST_FILES, PLACES
from tests.worlds.template_reading import READ, RESOURCES, of_type, statements

MADE = {name: each for name, each in RESOURCES.items() if each.get("Condition") == "MakesSearchHost"}
LAUNCHED: dict[str, Any] = MADE["SearchHostTemplate"]["Properties"]["LaunchTemplateData"]


def told() -> dict[str, Any]:
    """The cloud-config of the host, with the template's values as they are written."""
    files, own = LAUNCHED["UserData"]["Fn::Base64"]["Fn::Join"][1]
    read: dict[str, Any] = yaml.safe_load(files + own["Fn::Sub"])
    return read


def asking() -> dict[str, Any]:
    """Functions that know the address of the search engine."""
    functions = of_type("AWS::Lambda::Function")
    return {name: f for name, f in functions.items() if "ELASTICSEARCH_URL" in f["Environment"]["Variables"]}


class TestWhetherItIsMade:
    def test_an_address_of_an_engine_makes_nothing_and_none_makes_a_host(self) -> None:
        assert READ["Conditions"]["MakesSearchHost"] == {"Fn::Equals": [{"Ref": "ElasticsearchUrl"}, ""]}
        assert READ["Parameters"]["ElasticsearchUrl"]["Default"] == ""
        kinds = {each["Type"] for each in RESOURCES.values() if each["Type"].startswith("AWS::EC2::")}
        assert kinds == {
            f"AWS::EC2::{kind}" for kind in ("LaunchTemplate", "SecurityGroup", "SecurityGroupIngress", "Volume")
        }
        of_ec2 = {name for name, each in RESOURCES.items() if each["Type"] in {*kinds, "AWS::Route53::HostedZone"}}
        assert of_ec2 <= MADE.keys()

    def test_without_a_place_for_it_the_deployment_is_refused(self) -> None:
        rule = READ["Rules"]["ASearchHostHasAPlace"]
        assert rule["RuleCondition"] == READ["Conditions"]["MakesSearchHost"]
        asked = {each["Assert"]["Fn::Not"][0]["Fn::Equals"][0]["Ref"] for each in rule["Assertions"]}
        assert asked == {"VpcId", "VpcSubnetIds", "SearchHostSubnetId", "SearchHostZone", "ElasticsearchSecretId"}

    def test_whoever_asks_knows_its_name_and_its_secret(self) -> None:
        assert asking().keys() == {"ProductsToSearch", "ComprasToSearch", "SearchApi"}
        for function in asking().values():
            variables = function["Environment"]["Variables"]
            url = variables["ELASTICSEARCH_URL"]["Fn::If"]
            assert url == ["MakesSearchHost", {"Fn::Sub": f"https://{host_name('${Stage}')}:{PORT}"}, url[2]]
            assert url[2] == {"Ref": "ElasticsearchUrl"}
            assert variables["ELASTICSEARCH_SECRET"] == {"Ref": "ElasticsearchSecretId"}
            assert "ELASTICSEARCH_API_KEY" not in variables, "a secret in an environment is read by whoever sees it"


class TestWhoReachesIt:
    def test_only_functions_that_ask_it_and_dagster_are_let_in(self) -> None:
        ingress = list(of_type("AWS::EC2::SecurityGroupIngress").values())
        assert [each["SourceSecurityGroupId"] for each in ingress] == [{"Fn::GetAtt": ["SearchClients", "GroupId"]}]
        assert [(each["FromPort"], each["ToPort"]) for each in ingress] == [(9200, 9299)]
        groups = of_type("AWS::EC2::SecurityGroup")
        assert not [group for group in groups.values() if "SecurityGroupIngress" in group]
        inside = {
            name
            for name, function in of_type("AWS::Lambda::Function").items()
            if "SearchClients" in str(function.get("VpcConfig"))
        }
        assert inside == asking().keys()

    def test_it_has_no_address_of_the_internet_and_no_port_of_ssh(self) -> None:
        (network,) = LAUNCHED["NetworkInterfaces"]
        assert network["AssociatePublicIpAddress"] is False
        assert "KeyName" not in LAUNCHED
        out = {(each["FromPort"], each["ToPort"]) for each in _host_group()["SecurityGroupEgress"]}
        assert out == {(443, 443)}

    def test_its_role_is_lent_to_nobody_in_a_container(self) -> None:
        assert LAUNCHED["MetadataOptions"] == {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
        }

    def test_each_secret_of_it_is_read_by_whom_it_is_for(self) -> None:
        readers: dict[str, set[str]] = {}
        for name, role in of_type("AWS::IAM::Role").items():
            for statement in statements(role["Policies"][0]["PolicyDocument"]):
                if "secretsmanager" in str(statement["Action"]):
                    readers.setdefault(name, set()).add(str(statement["Resource"]))
        of_the_host = [name for name, resources in readers.items() if secret_name("${Stage}", "host") in str(resources)]
        assert of_the_host == ["SearchHostRole"]
        written = str(RESOURCES)
        assert secret_name("${Stage}", "authority") not in written
        assert secret_name("${Stage}", "operator") not in written
        of_functions = [name for name, resources in readers.items() if "ElasticsearchSecretId" in str(resources)]
        assert sorted(of_functions) == ["ComprasToSearchRole", "ProductsToSearchRole", "SearchApiRole"]


class TestWhatSurvives:
    def test_every_disk_is_encrypted(self) -> None:
        disks = [
            of_type("AWS::EC2::Volume")["SearchVolume"],
            *(each["Ebs"] for each in LAUNCHED["BlockDeviceMappings"]),
        ]
        assert [disk["Encrypted"] for disk in disks] == [True, True]

    def test_the_indexes_go_with_no_machine_and_leave_a_snapshot(self) -> None:
        volume = MADE["SearchVolume"]
        assert (volume["DeletionPolicy"], volume["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
        details = MADE["SearchSnapshots"]["Properties"]["PolicyDetails"]
        (target,) = details["TargetTags"]
        assert target in volume["Properties"]["Tags"]
        (schedule,) = details["Schedules"]
        assert (schedule["CreateRule"]["Interval"], schedule["RetainRule"]["Count"]) == (24, 14)
        assert schedule["CopyTags"], "without its tag nobody may delete a snapshot"

    def test_one_machine_at_a_time_has_the_volume(self) -> None:
        group, rolling = (
            MADE["SearchHost"]["Properties"],
            MADE["SearchHost"]["UpdatePolicy"]["AutoScalingRollingUpdate"],
        )
        assert group["MaxSize"] == "1"
        assert (rolling["MinInstancesInService"], rolling["WaitOnResourceSignals"]) == (0, True)


class TestWhatItIsTold:
    def test_every_file_of_the_host_is_on_it(self) -> None:
        written = {each["path"]: each for each in told()["write_files"]}
        assert {file.name for file in HOST_FILES.iterdir() if file.is_file()} == PLACES.keys()
        for name, (place, mode) in PLACES.items():
            assert written[place]["content"] == (HOST_FILES / name).read_text()
            assert written[place]["permissions"] == mode

    def test_it_is_no_longer_than_ec2_takes(self) -> None:
        files, own = LAUNCHED["UserData"]["Fn::Base64"]["Fn::Join"][1]
        assert len(files) + len(own["Fn::Sub"]) < 16_384 - 500, "names in it grow as they are put in"

    def test_its_settings_are_all_that_its_files_read(self) -> None:
        (settings,) = (each for each in told()["write_files"] if each["path"] == "/etc/cesta/search-host.env")
        given = {line.partition("=")[0] for line in settings["content"].splitlines()}
        assert given == {"REGION", "HOST", "SECRET", "VOLUME", "ZONE", "LOGS", "IMAGE"}
        said = "".join((HOST_FILES / name).read_text() for name in PLACES)
        assert all(f"${name}" in said or f"${{{name}" in said or f'"{name}"' in said for name in given)
        assert f"HOST={host_name('${Stage}')}\n" in settings["content"]
        assert f"SECRET={secret_name('${Stage}', 'host')}\n" in settings["content"]

    def test_the_python_of_its_system_can_read_what_runs_there(self) -> None:
        assert ast.parse((HOST_FILES / "cesta_search.py").read_text(), feature_version=(3, 9))


def _host_group() -> dict[str, Any]:
    group: dict[str, Any] = of_type("AWS::EC2::SecurityGroup")["SearchHostGroup"]
    return group
