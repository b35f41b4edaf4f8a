"""Only what reads can be sent, and the page that says so is fresh."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from iiotctl.sources import allowlist

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("code", [code for code in range(256) if code not in (1, 2, 3, 4, 43)])
def test_every_other_function_code_is_stopped(code: int) -> None:
    with pytest.raises(allowlist.ForbiddenRequestError, match=f"function code {code} "):
        allowlist.check_modbus(bytes([code, 14, 0, 0]))


@pytest.mark.parametrize("code", [1, 2, 3, 4])
def test_the_four_read_functions_pass(code: int) -> None:
    allowlist.check_modbus(bytes([code, 0, 0, 0, 1]))


def test_of_function_43_only_the_identification_passes() -> None:
    allowlist.check_modbus(bytes([43, 14, 1, 0]))
    for kind in range(256):
        if kind != 14:
            with pytest.raises(allowlist.ForbiddenRequestError, match="function code 43 "):
                allowlist.check_modbus(bytes([43, kind, 1, 0]))


@pytest.mark.parametrize("pdu", [b"", bytes([43]), bytes([43, 14]), bytes([43, 14, 1, 0, 0])])
def test_bytes_that_are_no_request_are_stopped(pdu: bytes) -> None:
    with pytest.raises(allowlist.ForbiddenRequestError):
        allowlist.check_modbus(pdu)


def test_history_is_read_and_never_changed() -> None:
    allowlist.check_opcua("HistoryReadRequest")
    for service in ("HistoryUpdate", "HistoryUpdateRequest", "HistoryReadUpdate"):
        with pytest.raises(allowlist.ForbiddenRequestError, match=r"HistoryUpdate|HistoryReadUpdate"):
            allowlist.check_opcua(service)


@pytest.mark.parametrize(
    "service",
    [
        "Write",
        "WriteRequest",
        "Call",
        "HistoryUpdate",
        "AddNodes",
        "AddReferences",
        "DeleteNodes",
        "DeleteReferences",
        "RegisterServer",
        "",
        "Request",
        "read",
    ],
)
def test_services_that_change_something_or_are_unknown_are_stopped(service: str) -> None:
    with pytest.raises(allowlist.ForbiddenRequestError) as caught:
        allowlist.check_opcua(service)
    assert caught.value.exit_code == 70


def test_services_of_the_list_pass_in_both_spellings() -> None:
    for service in allowlist.OPCUA:
        allowlist.check_opcua(service.name)
        allowlist.check_opcua(service.name + "Request")


def test_the_list_names_nothing_twice() -> None:
    assert len(allowlist.MODBUS) == len(allowlist.MODBUS_CODES)
    assert len(allowlist.OPCUA) == len(allowlist.OPCUA_NAMES)


def test_the_reference_page_is_fresh() -> None:
    spec = importlib.util.spec_from_file_location("gen_requests", ROOT / "tools" / "gen_requests.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "run tools/gen_requests.py"
