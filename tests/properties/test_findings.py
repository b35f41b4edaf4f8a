"""Whatever a finding says, every form for programs gives it back, and no form for people lets it act."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl.findings import Confidence, Finding, Ne107, Severity
from iiotctl.reports.findings import as_page, as_sarif, as_table, output
from iiotctl.reports.values import unguard_formula
from tests.unit.reports.audits import START, audit

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
TIME = st.integers(START, START + 10**13)
NUMBER = st.floats(allow_nan=True, allow_infinity=True)
FINDINGS = st.builds(
    Finding,
    check=st.sampled_from(["gap", "drift"]),
    severity=st.sampled_from(Severity),
    confidence=st.sampled_from(Confidence),
    message=TEXT,
    ne107=st.none() | st.sampled_from(Ne107),
    tag=st.none() | TEXT.filter(bool),
    tags=st.lists(TEXT.filter(bool), max_size=3).map(tuple),
    start=st.none() | TIME,
    end=st.none() | TIME,
    evidence=st.dictionaries(
        st.sampled_from(["statistic", "limit", "unit", "rows", "sparkline", "x"]),
        NUMBER | TEXT | st.booleans() | st.none() | st.integers() | st.lists(st.none() | NUMBER, max_size=3),
    ),
    second_cause=TEXT,
    remediation=TEXT,
    work_order=TEXT,
)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("findings") / "out"


@settings(max_examples=25)
@given(st.lists(FINDINGS, max_size=4))
def test_every_form_gives_the_findings_back(target: Path, findings: list[Finding]) -> None:
    result = audit(findings=findings, excepted=[], data=[])
    prints = [one.fingerprint for one in findings]
    forms = {}
    for name in ("json", "jsonl", "csv", "sarif"):
        output.write(result, output.Wish(name, UTC, target, force=True))
        forms[name] = target.read_bytes().decode("utf-8")
    told = json.loads(forms["json"], parse_constant=pytest.fail)
    assert [one["fingerprint"] for one in told["findings"]] == prints
    assert [one["message"] for one in told["findings"]] == [one.message for one in findings]
    lines = [line for line in forms["jsonl"].split("\n") if line]
    assert [json.loads(line)["tag"] for line in lines] == [one.tag for one in findings]
    rows = list(csv.DictReader(io.StringIO(forms["csv"], newline="")))
    assert [row["fingerprint"] for row in rows] == prints
    assert [unguard_formula(row["message"]) for row in rows] == [one.message for one in findings]
    log = json.loads(forms["sarif"], parse_constant=pytest.fail)
    assert [one["partialFingerprints"]["iiotctl/v1"] for one in log["runs"][0]["results"]] == prints


@settings(max_examples=25)
@given(st.lists(FINDINGS, max_size=4))
def test_nothing_acts_on_the_reader(findings: list[Finding]) -> None:
    result = audit(findings=findings, excepted=[], data=[])
    text = as_table.text(result, as_table.Look(UTC, severity=Severity.INFO))
    assert {char for char in text if unicodedata.category(char) == "Cc"} <= {"\n"}
    page = as_page.page(result, findings, UTC)
    body = page[page.index("<body>") :]
    assert body.count("<script") == 4
    assert as_sarif.document(result, findings)["version"] == "2.1.0"
