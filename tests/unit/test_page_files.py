"""Files of the web page: they ask for nothing from elsewhere, run nothing of their data, and have one policy."""

from __future__ import annotations

import re

import boto3
import pytest
from botocore.stub import ANY, Stubber

from deploy.page_files import FOLDER, HEADERS, KINDS, POLICY, page_files, upload_page
from tests.worlds.template_reading import RESOURCES

FILES = page_files()


def test_every_file_of_the_folder_is_served() -> None:
    folder = FILES["index.html"].parent
    assert {each.name for each in folder.iterdir()} == set(FILES)
    assert {file.suffix for file in FILES.values()} == set(KINDS)


@pytest.mark.parametrize("name", FILES)
def test_a_file_names_no_other_place_and_makes_no_markup_of_text(name: str) -> None:
    text = FILES[name].read_text(encoding="utf-8")
    elsewhere = set(re.findall(r"https?://[^\s\"']+", text)) - {"http://www.w3.org/2000/svg"}
    assert elsewhere == set()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser", text
    )
    assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", text), "the policy lets neither through"


def test_a_distribution_asks_the_bucket_again_for_each_file() -> None:
    s3 = boto3.client("s3", region_name="eu-central-1", aws_access_key_id="none", aws_secret_access_key="none")
    with Stubber(s3) as answers:
        asked = {"Bucket": "page", "ExpectedBucketOwner": "111122223333"}
        answers.add_response("list_objects_v2", {}, {**asked, "Prefix": FOLDER})
        for name, file in FILES.items():
            put = {"Key": f"{FOLDER}{name}", "ContentType": KINDS[file.suffix], "Body": ANY}
            answers.add_response("put_object", {}, {**asked, **put, "CacheControl": HEADERS["Cache-Control"]})
        upload_page(s3, "page", "111122223333")
        answers.assert_no_pending_responses()


def test_page_and_template_have_the_policy_that_a_local_instance_sends() -> None:
    (meta,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', FILES["index.html"].read_text())
    # A page cannot forbid its frames by itself.
    assert meta == POLICY.replace(" frame-ancestors 'none';", "")
    policy = RESOURCES["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    security = policy["SecurityHeadersConfig"]
    assert " ".join(security["ContentSecurityPolicy"]["ContentSecurityPolicy"].split()) == POLICY
    assert security["FrameOptions"]["FrameOption"] == HEADERS["X-Frame-Options"]
    assert security["ReferrerPolicy"]["ReferrerPolicy"] == HEADERS["Referrer-Policy"]
    assert policy["CustomHeadersConfig"]["Items"][0]["Value"] == HEADERS["Cache-Control"]


def test_every_script_and_element_that_is_asked_for_is_there() -> None:
    page = FILES["index.html"].read_text()
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    scripts = {name: file.read_text() for name, file in FILES.items() if name.endswith(".js")}
    for name, script in scripts.items():
        assert set(re.findall(r'from "\./([^"]+)"', script)) <= set(FILES), name
        assert set(re.findall(r'\$\("([^"]+)"\)', script)) <= set(ids), name
