"""Where a server keeps refused and trusted client certificates, by product.

Each entry names the place that its line was taken from; what could not be found in a maker's or
public document is left out. Which product answers is guessed from its ApplicationDescription.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Product:
    """A family of servers.

    Attributes:
        name: for people.
        known_by: regular expression over ApplicationUri, ProductUri and name.
        steps: how to trust a refused client; `{file}` stands for our certificate.
        source: where that is written.
    """

    name: str
    known_by: re.Pattern[str]
    steps: str
    source: str


def _product(name: str, known_by: str, steps: str, source: str) -> Product:
    return Product(name, re.compile(known_by, re.IGNORECASE), steps, source)


PRODUCTS: Final = (
    _product(
        "node-opcua",
        r"node-?opcua",
        "in the server's PKI folder move our certificate from `rejected/` to `trusted/certs/`, or copy `{file}` there",
        "tested here against node-opcua",
    ),
    _product(
        "open62541",
        r"open62541",
        "in the server's PKI folder move our certificate from `ApplCerts/rejected/certs/` to `ApplCerts/trusted/certs/` "
        "(or copy `{file}` there); a server without a folder has its trust list in its own program",
        "open62541, include/open62541/plugin/certificategroup_default.h: PKI folder structure of the file store",
    ),
    _product(
        "Siemens S7-1500/S7-1200",
        r"simatic|s7-1[25]00",
        "in TIA Portal import `{file}` in the certificate manager (global security settings), then in the CPU's properties "
        "under OPC UA > Server > Security choose it under trusted clients, and download",
        "TDengine documentation, OPC UA with Siemens S7-1500 (trusted client section, certificate manager)",
    ),
    _product(
        "Kepware KEPServerEX",
        r"kepware|kepserver|thingworx.kepware",
        "in the OPC UA Configuration Manager, tab Trusted Clients, select our certificate (marked as rejected) and trust "
        "it, or import `{file}`",
        "Kepware, OPC UA Configuration Manager help, Trusted Clients",
    ),
    _product(
        "Ignition",
        r"inductiveautomation|ignition",
        "in the Gateway's web page under Config > OPC UA > Security > Server (8.3: Config > Connections > OPC > Security > "
        "Server) trust our certificate under Quarantined Certificates, or upload `{file}`",
        "EMQX Neuron documentation, Ignition; TDengine documentation, Ignition 8.3",
    ),
    _product(
        "CODESYS",
        r"codesys|3s-smart",
        "in CODESYS, Security Screen, tab Devices, drag our certificate from the quarantined to the trusted certificates "
        "of the controller, or load `{file}` onto it",
        "CODESYS Security Agent help, Security Screen - Devices",
    ),
    _product(
        "Beckhoff TF6100",
        r"beckhoff|tcopcua",
        r"in the server's program folder move our certificate from `PKI\CA\rejected` to `PKI\CA\trusted`, or copy `{file}` "
        "there",
        "Beckhoff Infosys, TF6100 OPC UA server, certificate exchange",
    ),
    _product(
        "OPC Foundation .NET",
        r"opcfoundation|netstandard|quickstarts",
        "move our certificate from `OPC Foundation/pki/rejected/certs` to `OPC Foundation/pki/trusted/certs` below "
        "%LocalApplicationData% (Windows services: %CommonApplicationData%, usually C:\\ProgramData); older applications: "
        "from `OPC Foundation/CertificateStores/RejectedCertificates` to `…/UA Applications`",
        "OPCFoundation/UA-.NETStandard Docs/Certificates.md",
    ),
)
GENERAL: Final = (
    "in the server's configuration find the list of refused or quarantined client certificates, and trust ours there, "
    "or copy `{file}` into its folder of trusted clients"
)


def product_of(*words: str) -> Product | None:
    """The product whose sign stands in one of a server's names, or None."""
    text = " ".join(words)
    return next((product for product in PRODUCTS if product.known_by.search(text)), None)


def steps_for(product: Product | None, file: str) -> str:
    """What to do on the server so that it trusts the certificate in `file`."""
    return (GENERAL if product is None else product.steps).replace("{file}", file)
