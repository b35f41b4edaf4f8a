"""What the certificate doctor says of certificates, one fault at a time."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from iiotctl.sources.opcua.judgement import Judgement, Side, State, Subject, judge, judge_chain, judge_clock
from iiotctl.sources.opcua.products import PRODUCTS, product_of, steps_for
from iiotctl.sources.opcua.trust import chain_of
from tests.unit.sources.opcua.certificates import NOW, URI, certificate, key, name


def judged(cert: x509.Certificate, **more: Any) -> dict[str, Judgement]:
    settings: dict[str, Any] = {"side": Side.SERVER, "application_uri": URI, "host": "plc7", "trusted": False}
    return {each.name: each for each in judge(Subject(cert, renew="renew it", **{**settings, **more}), NOW)}


def test_a_good_certificate_passes_everything() -> None:
    found = judged(certificate())
    assert {each.state for each in found.values()} == {State.PASS}
    assert list(found) == [
        "dates",
        "ApplicationUri",
        "host names",
        "key",
        "signature",
        "key usage",
        "extended key usage",
    ]
    assert found["dates"].found.endswith("400 days left")


@pytest.mark.parametrize(
    ("faults", "check", "state", "words"),
    [
        ({"days": (-400, -10)}, "dates", State.FAIL, "expired 10 days ago"),
        ({"days": (1, 400)}, "dates", State.FAIL, "not yet valid: from 2026-11-22"),
        ({"days": (-400, 12.5)}, "dates", State.WARN, "expires in 12 days"),
        ({"uri": None}, "ApplicationUri", State.FAIL, "BadCertificateUriInvalid"),
        (
            {"uri": "urn:other"},
            "ApplicationUri",
            State.FAIL,
            "`urn:other`, the application calls itself `urn:plant:line3`",
        ),
        ({"hosts": ["plc8"]}, "host names", State.FAIL, "made for plc8; dialled was `plc7`"),
        ({"hosts": [], "uri": None}, "host names", State.FAIL, "made for none"),
        ({"bits": 1024}, "key", State.FAIL, "RSA 1024 bits; 2048 is the least"),
        ({"curve": True}, "key", State.FAIL, "need RSA"),
        ({"sha1": True}, "signature", State.FAIL, "SHA-1, self-signed: can be forged"),
        ({"usage": False}, "key usage", State.WARN, "nonRepudiation, keyEncipherment, dataEncipherment missing"),
        ({"usage": None}, "key usage", State.WARN, "not given"),
        ({"purposes": [ExtendedKeyUsageOID.CLIENT_AUTH]}, "extended key usage", State.WARN, "serverAuth missing"),
        ({"purposes": None}, "extended key usage", State.WARN, "serverAuth not given"),
    ],
)
def test_each_fault(faults: dict[str, Any], check: str, state: State, words: str) -> None:
    found = judged(certificate(**faults))
    assert (found[check].state, words in found[check].found) == (state, True), found[check]
    assert found[check].fix
    if len(faults) == 1 and "curve" not in faults:
        assert [each.name for each in found.values() if each.state is not State.PASS] == [check]


def test_a_trusted_certificate_may_have_another_name() -> None:
    found = judged(certificate(hosts=["plc8"]), trusted=True)
    assert found["host names"].state is State.WARN


def test_ours_is_a_client() -> None:
    found = judged(certificate(purposes=[ExtendedKeyUsageOID.SERVER_AUTH]), side=Side.OURS, host="plc7")
    assert "clientAuth missing" in found["extended key usage"].found
    other = judged(certificate(), side=Side.OURS, host="laptop")["host names"]
    assert (other.state, "this computer is called `laptop`" in other.found) == (State.WARN, True)


def test_a_self_signature_of_somebody_else() -> None:
    found = judged(certificate(signer=key(2048, 1)))
    assert found["signature"].state is State.FAIL
    assert "not its own" in found["signature"].found


def chain() -> list[x509.Certificate]:
    root = certificate(subject="plant CA", uri=None, hosts=[])
    return [certificate(issuer="plant CA", signer=key(2048, 0)), root]


def test_chains() -> None:
    leaf, root = chain()
    assert judge_chain([certificate()]) is None
    whole = judge_chain([leaf, root])
    assert whole is not None
    assert whole.state is State.PASS
    assert "1 issuers" in whole.found
    alone = judge_chain([leaf])
    assert alone is not None
    assert "CN=plant CA" in alone.found
    wrong = judge_chain([leaf, certificate(subject="stranger", uri=None)])
    assert wrong is not None
    assert wrong.state is State.WARN
    assert judged(leaf)["signature"].found == "SHA-256, signed by `CN=plant CA`"


def test_chain_from_bytes() -> None:
    sent = chain()
    data = b"".join(each.public_bytes(Encoding.DER) for each in sent)
    assert chain_of(data) == sent
    assert chain_of(data + b"rubbish") == sent
    assert chain_of(b"\x30\x82\x00\x01") == []
    assert chain_of(b"") == []
    assert name("x") != sent[0].subject


@pytest.mark.parametrize(
    ("offset", "state", "words"),
    [
        (0.2, State.PASS, "0.2 s ahead of"),
        (-59, State.PASS, "59.0 s behind"),
        (3600, State.WARN, "60 min ahead of"),
        (-86400 * 200, State.FAIL, "BadCertificateTimeInvalid"),
    ],
)
def test_clock(offset: float, state: State, words: str) -> None:
    found = judge_clock(offset, NOW, certificate())
    assert found is not None
    assert (found.state, words in found.found) == (state, True)
    assert judge_clock(None, NOW, None) is None


@pytest.mark.parametrize(("offset", "state"), [(-0.03, State.PASS), (-3600, State.WARN)])
def test_an_expired_certificate_of_ours_is_no_fault_of_the_clock(offset: float, state: State) -> None:
    found = judge_clock(offset, NOW, certificate(days=(-400, -10)))
    assert found is not None
    assert (found.state, "not valid" in found.found) == (state, False)


@pytest.mark.parametrize(
    ("words", "product"),
    [
        (("urn:vm:NodeOPCUA-Server", "NodeOPCUA-Server"), "node-opcua"),
        (("urn:open62541.unconfigured.application", "http://open62541.org"), "open62541"),
        (("urn:SIMATIC.S7-1500.OPC-UA.Application:PLC_1",), "Siemens S7-1500/S7-1200"),
        (("urn:PC:Kepware.KEPServerEX.V6:UA%20Server",), "Kepware KEPServerEX"),
        (("urn:inductiveautomation:ignition:opcua:server",), "Ignition"),
        (("urn:plant:own",), None),
    ],
)
def test_products(words: tuple[str, ...], product: str | None) -> None:
    found = product_of(*words)
    assert (None if found is None else found.name) == product
    assert "/pki/own/iiotctl.der" in steps_for(found, "/pki/own/iiotctl.der") or product == "OPC Foundation .NET"


def test_every_product_names_its_source() -> None:
    assert all(product.source and product.steps for product in PRODUCTS)
