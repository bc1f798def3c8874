"""`python -m docs.costs`: writes docs/costs.md from unit prices and volumes; a test compares the two."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).with_suffix(".md")
HOURS: Final = 730
#: Tenants of a deployment that share what is paid once.
TENANTS: Final = 10
#: What a tenant does in a month.
PRODUCTS, PURCHASES = 5_000, 10_000
SEARCHES, REPORTS = 100_000, 1_000
#: Bytes of its history that a report reads, and of what is kept of it, by store, in GB.
REPORT_GB, LAKE_GB, TABLE_GB, LOG_GB = Decimal("0.2"), Decimal(2), Decimal("0.2"), Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Price:
    """What a unit costs in US dollars."""

    service: str
    unit: str
    usd: Decimal
    page: str


def _price(service: str, unit: str, usd: str, page: str) -> Price:
    return Price(service, unit, Decimal(usd), f"https://aws.amazon.com/{page}/pricing/")


MACHINE = _price("EC2", "hour of an m6i.large", "0.096", "ec2")
SMALL_MACHINE = _price("EC2", "hour of a t3.medium", "0.0416", "ec2")
VOLUME = _price("EBS", "GB of gp3 in a month", "0.08", "ebs")
SNAPSHOT = _price("EBS", "GB of snapshots in a month", "0.05", "ebs")
NAT = _price("VPC", "hour of a NAT gateway", "0.045", "vpc")
ENDPOINT = _price("VPC", "hour of an interface endpoint in a zone", "0.01", "privatelink")
ZONE = _price("Route 53", "private zone in a month", "0.50", "route53")
CALL = _price("Lambda", "million invocations", "0.20", "lambda")
SECOND = _price("Lambda", "million GB-seconds on x86", "16.6667", "lambda")
REQUEST = _price("API Gateway", "million requests of an HTTP API", "1.00", "api-gateway")
WRITE = _price("DynamoDB", "million write requests", "0.625", "dynamodb")
READ = _price("DynamoDB", "million read requests", "0.125", "dynamodb")
ITEM_GB = _price("DynamoDB", "GB of a table in a month", "0.25", "dynamodb")
BACKUP_GB = _price("DynamoDB", "GB of point-in-time recovery in a month", "0.20", "dynamodb")
PUT = _price("S3", "thousand puts", "0.005", "s3")
GET = _price("S3", "thousand gets", "0.0004", "s3")
OBJECT_GB = _price("S3", "GB in a month", "0.023", "s3")
SCANNED = _price("Athena", "TB that queries scan", "5.00", "athena")
ALARM = _price("CloudWatch", "alarm in a month", "0.10", "cloudwatch")
METRIC = _price("CloudWatch", "metric of our own in a month", "0.30", "cloudwatch")
LOG = _price("CloudWatch", "GB of logs", "0.50", "cloudwatch")
SECRET = _price("Secrets Manager", "secret in a month", "0.40", "secrets-manager")
RECORD = _price("CloudTrail", "hundred thousand data events", "0.10", "cloudtrail")
PRICES: Final = (
    *(MACHINE, SMALL_MACHINE, VOLUME, SNAPSHOT, NAT, ENDPOINT, ZONE, CALL, SECOND, REQUEST),
    *(WRITE, READ, ITEM_GB, BACKUP_GB, PUT, GET, OBJECT_GB, SCANNED, ALARM, METRIC, LOG, SECRET, RECORD),
)


@dataclass(frozen=True, slots=True)
class Line:
    """What is paid for something: how much of it in a month, for a tenant, or for the deployment as a whole."""

    group: str
    what: str
    price: Price
    amount: Decimal
    shared: bool = False

    @property
    def usd(self) -> Decimal:
        """What one tenant pays of it."""
        whole = self.price.usd * self.amount
        return whole / TENANTS if self.shared else whole


def _line(group: str, what: str, price: Price, amount: Decimal | float, *, shared: bool = False) -> Line:
    return Line(group, what, price, Decimal(str(amount)), shared)


_CHANGES = PRODUCTS + PURCHASES
#: Changes that come in one batch, on average.
_BATCH = 20
#: Seconds of a function with half a GB: of a batch of changes, of a search, of a report.
_BATCH_SECONDS, _SEARCH_SECONDS, _REPORT_SECONDS = 1.0, 0.1, 4.0

LINES: Final = (
    _line("Lambda", "batches into the index and the lake", CALL, 3 * _CHANGES / _BATCH / 1e6),
    _line("Lambda", "their seconds", SECOND, 3 * _CHANGES / _BATCH * _BATCH_SECONDS * 0.5 / 1e6),
    _line("Lambda", "searches and reports", CALL, (SEARCHES + REPORTS) / 1e6),
    _line("Lambda", "seconds of searches", SECOND, SEARCHES * _SEARCH_SECONDS * 0.5 / 1e6),
    _line("Lambda", "seconds of reports, of one GB", SECOND, REPORTS * _REPORT_SECONDS / 1e6),
    _line("HTTP API", "requests", REQUEST, (SEARCHES + REPORTS) / 1e6),
    _line("DynamoDB", "changes, each of two kB", WRITE, 2 * _CHANGES / 1e6),
    _line("DynamoDB", "receipts, counts, the query log", WRITE, (20 * _CHANGES / _BATCH + 2 * SEARCHES) / 1e6),
    _line("DynamoDB", "the registry of tenants", READ, (SEARCHES + REPORTS) / 1e6),
    _line("DynamoDB", "items, kept", ITEM_GB, TABLE_GB),
    _line("DynamoDB", "items, to be restored", BACKUP_GB, TABLE_GB),
    _line("S3", "documents and days of the lake, written", PUT, 3 * PURCHASES / 1e3),
    _line("S3", "documents and days of the lake, read", GET, (3 * PURCHASES + 50 * REPORTS) / 1e3),
    _line("S3", "documents and days of the lake, kept", OBJECT_GB, LAKE_GB),
    _line("Athena", "reports", SCANNED, REPORTS * REPORT_GB / 1000),
    _line("CloudWatch", "logs of functions and of the API", LOG, LOG_GB),
    _line("CloudWatch", "some seventy alarms", ALARM, 70, shared=True),
    _line("CloudWatch", "metrics of our own", METRIC, 40, shared=True),
    _line("CloudTrail", "reads and writes of what is the tenant's, where they are recorded", RECORD, 2),
    _line("Secrets", "a key to its own indexes", SECRET, 1),
    _line("Secrets", "the deployment's", SECRET, 8, shared=True),
    _line("Network", "a NAT gateway", NAT, HOURS, shared=True),
    _line("Network", "endpoints for SQS and Secrets Manager in two zones", ENDPOINT, 4 * HOURS, shared=True),
    _line("Network", "the private zone", ZONE, 1, shared=True),
)
#: A machine for all tenants, or one for this tenant alone.
SEARCH: Final = {
    "shared host": (
        _line("Search host", "a machine with 8 GiB", MACHINE, HOURS, shared=True),
        _line("Search host", "its volumes of 50 and 20 GB", VOLUME, 70, shared=True),
        _line("Search host", "snapshots of two weeks", SNAPSHOT, 50, shared=True),
    ),
    "own host": (
        _line("Search host", "a machine with 4 GiB", SMALL_MACHINE, HOURS),
        _line("Search host", "its volumes of 10 and 20 GB", VOLUME, 30),
        _line("Search host", "snapshots of two weeks", SNAPSHOT, 10),
    ),
}
_HEAD = """# What a tenant costs in a month

Estimates, which `python -m docs.costs` computes from the unit prices and volumes in [`docs/costs.py`](costs.py) and
writes here. No bill was looked at: compare with Cost Explorer. Prices are AWS's for us-east-1 on demand, in US
dollars, as public pages of 2025 and 2026 quote them, without free tier, discounts, taxes and what leaves AWS for the
internet; look at the pages named below before you rely on them.

The tenant has {products:,} changes of products and {purchases:,} of purchases in a month, {searches:,} searches, and
{reports:,} reports that read {report_gb} GB each. What is paid once for the deployment is divided among {tenants}
tenants. Not in it: the purchase graph, Dagster's machine, the other flows, and the market, which is off.

A *shared host* has the indexes of all; a container of its own there costs a tenant no more, but for the memory it
takes. An *own host* is a machine for this tenant alone. The source document estimates 70 to 145 US dollars, 50 to 100
of them for Elasticsearch.
"""


def page() -> str:
    """The page as it should be."""
    head = _HEAD.format(
        products=PRODUCTS,
        purchases=PURCHASES,
        searches=SEARCHES,
        reports=REPORTS,
        report_gb=REPORT_GB,
        tenants=TENANTS,
    )
    return "\n".join(
        [head, *_by_group(), "", "## What it is made of", "", *_lines(), "", "## Prices", "", *_prices(), ""]
    )


def totals() -> dict[str, dict[str, Decimal]]:
    """US dollars of a tenant in a month, by kind of host and by group."""
    found: dict[str, dict[str, Decimal]] = {}
    for kind, host in SEARCH.items():
        groups = found.setdefault(kind, {})
        for line in (*host, *LINES):
            groups[line.group] = groups.get(line.group, Decimal(0)) + line.usd
    return found


def _by_group() -> list[str]:
    found = totals()
    kinds = list(found)
    rows = [f"| | {' | '.join(kinds)} |", f"|---|{'---:|' * len(kinds)}"]
    rows += [f"| {group} | {' | '.join(_usd(found[kind][group]) for kind in kinds)} |" for group in found[kinds[0]]]
    return [*rows, f"| **together** | {' | '.join(f'**{_usd(sum(found[kind].values()))}**' for kind in kinds)} |"]


def _lines() -> list[str]:
    hosts = [(f"{line.group}, {kind}", line) for kind, host in SEARCH.items() for line in host]
    rows = [*hosts, *((line.group, line) for line in LINES)]
    return [
        "| of | what | in a month | unit | paid by | US dollars of a tenant |",
        "|---|---|---:|---|---|---:|",
        *(
            f"| {group} | {line.what} | {line.amount.normalize():f} | {line.price.unit} | "
            f"{f'{TENANTS} tenants' if line.shared else 'the tenant'} | {_usd(line.usd)} |"
            for group, line in rows
        ),
    ]


def _prices() -> list[str]:
    rows = [f"| {each.service} | {each.unit} | {each.usd} | <{each.page}> |" for each in PRICES]
    return ["| service | unit | US dollars | page of prices |", "|---|---|---:|---|", *rows]


def _usd(amount: Decimal | int) -> str:
    return f"{Decimal(amount).quantize(Decimal('0.01'), ROUND_HALF_UP):.2f}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
