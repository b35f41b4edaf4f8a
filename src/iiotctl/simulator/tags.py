"""What the simulated plant serves: its devices, and every tag with transmitter, address and range.

Three Modbus units behind one gateway (one port) and one OPC UA server. All data types and byte orders
of the site file occur, as they do in plants: a press controller with 16-bit analogs, a chiller with
swapped bytes, an energy meter with 64-bit counters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from iiotctl.simulator.parts import motor
from iiotctl.site.address import DataType, ModbusAddress, Order, parse_address, parse_type

NAMESPACE: Final = "urn:iiotctl:simulator:press-line"
WIRE_BREAK_HIGH, WIRE_BREAK_LOW = 32_767, -32_768
_BREAKS: Final = (WIRE_BREAK_HIGH, WIRE_BREAK_LOW)


@dataclass(frozen=True, slots=True)
class Device:
    """A server of the plant.

    Attributes:
        source: name of the source in the site file.
        protocol: how it is read.
        unit: Modbus unit identifier; 0 for OPC UA.
        strict: Modbus: registers between the declared ones do not exist (exception 02); else they read 0.
        asset: name of the asset.
        description: one line.
    """

    source: str
    protocol: Literal["modbus", "opcua"]
    unit: int
    strict: bool
    asset: str
    description: str


DEVICES: Final = (
    Device("press1", "modbus", 1, False, "press1", "Press controller: hydraulics, main drive, counters"),
    Device("cooling1", "modbus", 2, False, "cooling1", "Cooling unit; sends the low byte first"),
    Device("meter1", "modbus", 3, True, "meter1", "Energy meter; refuses undeclared registers"),
    Device("line1", "opcua", 0, False, "line1", "Line controller: oven, conveyor, batches"),
)


@dataclass(frozen=True, slots=True)
class SimTag:
    """One served tag.

    Attributes:
        name: name in the site file.
        source: the device that serves it.
        variable: key of `Process.variables`.
        kind: kind of quantity, as in the site file.
        unit: engineering unit.
        address: Modbus address; the OPC UA node id is made from the name.
        type: Modbus data type, or the OPC UA built-in type.
        order: Modbus byte and word order.
        scale: engineering units per raw count.
        offset: engineering units at raw 0.
        noise: standard deviation in engineering units.
        resolution: step of the transmitter in engineering units; 0 = as the type allows.
        span: measuring range in engineering units.
        broken: raw words that mean a broken sensor.
        limits: operating limits (low, high), or None.
        stepped: the value holds between changes; OPC UA then writes it only when it changes.
        period: s between two updates of an OPC UA value.
        enum: texts of states.
        rollover: value at which a counter starts again.
        description: one line.
    """

    name: str
    source: str
    variable: str
    kind: str
    unit: str
    address: str = ""
    type: str = "Double"
    order: Order = Order.ABCD
    scale: float = 1.0
    offset: float = 0.0
    noise: float = 0.0
    resolution: float = 0.0
    span: tuple[float, float] | None = None
    broken: tuple[int, ...] = ()
    limits: tuple[float, float] | None = None
    stepped: bool = False
    period: float = 1.0
    enum: dict[str, str] = field(default_factory=dict)
    rollover: float | None = None
    description: str = ""

    @property
    def modbus_address(self) -> ModbusAddress:
        """The parsed Modbus address."""
        return parse_address(self.address)

    @property
    def data_type(self) -> DataType:
        """The parsed Modbus data type."""
        return parse_type(self.type)

    @property
    def node_id(self) -> str:
        """The OPC UA node id with the namespace's URI."""
        return f"nsu={NAMESPACE};s={self.name}"

    @property
    def is_text(self) -> bool:
        """True for strings."""
        return self.type == "String" or self.type.startswith("string")


_STATES: Final = {"0": "idle", "1": "ramp", "2": "run", "3": "stop", "4": "emergency stop"}
_A, _C, _B, _D = Order.ABCD, Order.CDAB, Order.BADC, Order.DCBA


def _press(  # noqa: PLR0917 - a row of a table
    name: str, variable: str, kind: str, unit: str, address: str, type_: str, order: Order = _A, **more: object
) -> SimTag:
    return SimTag(f"press1.{name}", "press1", variable, kind, unit, address, type_, order, **more)  # type: ignore[arg-type]


def _cooling(  # noqa: PLR0917 - a row of a table
    name: str, variable: str, kind: str, unit: str, address: str, type_: str, order: Order = _B, **more: object
) -> SimTag:
    return SimTag(f"cooling1.{name}", "cooling1", variable, kind, unit, address, type_, order, **more)  # type: ignore[arg-type]


def _meter(  # noqa: PLR0917 - a row of a table
    name: str, variable: str, kind: str, unit: str, address: str, type_: str, order: Order = _A, **more: object
) -> SimTag:
    return SimTag(f"meter1.{name}", "meter1", variable, kind, unit, address, type_, order, **more)  # type: ignore[arg-type]


def _line(name: str, variable: str, kind: str, unit: str, type_: str, **more: object) -> SimTag:
    return SimTag(f"line1.{name}", "line1", variable, kind, unit, type=type_, **more)  # type: ignore[arg-type]


_PRESS: Final = (
    _press("hydraulics.pressure", "hydraulics.pressure", "pressure", "bar", "holding:0", "int16", scale=0.1, noise=0.12, span=(0, 250), broken=_BREAKS, limits=(140, 215), description="Accumulator pressure"),
    _press("hydraulics.temperature", "hydraulics.temperature", "temperature", "degC", "holding:1", "int16", scale=0.1, noise=0.05, span=(-20, 120), broken=_BREAKS, limits=(20, 60), description="Oil in the tank"),
    _press("hydraulics.flow", "hydraulics.flow", "flow", "l/min", "holding:2", "uint16", scale=0.01, noise=0.08, span=(0, 80), description="Oil to the press"),
    _press("hydraulics.filter_dp", "hydraulics.filter_dp", "pressure", "bar", "holding:3", "float16", noise=0.004, span=(0, 5), limits=(0, 2.5), description="Across the return filter"),
    _press("hydraulics.level", "hydraulics.level", "level", "%", "holding:4", "uint8", span=(0, 100), limits=(50, 100), description="Oil level"),
    _press("hydraulics.pump_loaded", "hydraulics.pump_loaded", "state", "", "holding:5/3", "bool", stepped=True, description="The pump delivers to the accumulator"),
    _press("motor.current", "motor.current", "current", "A", "holding:10", "float32", noise=0.15, resolution=0.01, span=(0, 120), limits=(0, 110), description="Main drive"),
    _press("motor.speed", "motor.speed", "speed", "1/min", "holding:12", "float32", _C, noise=0.6, resolution=0.1, span=(0, 1800), limits=(0, 1.1 * motor.RATED_SPEED), description="Main drive"),
    _press("motor.winding_temperature", "motor.winding", "temperature", "degC", "holding:14", "int16", scale=0.1, noise=0.05, span=(-20, 180), broken=_BREAKS, limits=(0, 130), description="Main drive, PT100 in the winding"),
    _press("motor.vibration", "motor.vibration", "vibration", "mm/s", "holding:15", "uint16", scale=0.001, noise=0.02, span=(0, 20), limits=(0, 4.5), description="Drive end, RMS (ISO 20816)"),
    _press("press.stroke", "press.stroke", "position", "%", "holding:16", "uint16", scale=0.01, span=(0, 100), description="Progress of the stroke"),
    _press("press.state", "press.state", "state", "", "holding:20", "uint16", stepped=True, enum=_STATES, description="Machine state"),
    _press("press.recipe", "press.recipe", "setpoint", "", "holding:21", "bcd16", stepped=True, description="Number of the recipe"),
    _press("press.parts", "line.parts", "counter", "", "holding:22", "uint32", _C, stepped=True, rollover=2.0**32, description="Parts made"),
    _press("press.rejects", "line.rejects", "counter", "", "holding:24", "uint16", stepped=True, rollover=2.0**16, description="Parts rejected"),
    _press("press.operating_hours", "press.hours", "counter", "h", "holding:26", "float64", _C, resolution=0.001, description="Hours under power"),
    _press("press.batch", "line.batch", "text", "", "holding:30", "string(12)", stepped=True, description="Id of the running batch"),
    _press("safety.emergency_stop", "line.emergency_stop", "state", "", "discrete:0", "bool", stepped=True, enum={"0": "released", "1": "pressed"}, description="Emergency stop, status contact"),
    _press("safety.door_open", "line.door_open", "state", "", "discrete:1", "bool", stepped=True, enum={"0": "closed", "1": "open"}, description="Guard door, status contact"),
)  # fmt: skip
_COOLING: Final = (
    _cooling("flow", "cooling.flow", "flow", "l/min", "input:0", "float32", _D, noise=0.15, resolution=0.01, span=(0, 100), limits=(45, 80), description="Cooling water"),
    _cooling("supply_temperature", "cooling.supply", "temperature", "degC", "input:2", "int16", scale=0.01, noise=0.02, span=(-10, 60), broken=_BREAKS, limits=(8, 22), description="To the consumers"),
    _cooling("return_temperature", "cooling.return", "temperature", "degC", "input:3", "int16", scale=0.01, noise=0.02, span=(-10, 60), broken=_BREAKS, limits=(8, 30), description="From the consumers"),
    _cooling("pressure", "cooling.pressure", "pressure", "bar", "input:4", "float32", noise=0.01, resolution=0.001, span=(0, 6), limits=(1.5, 5), description="Behind the pump"),
    _cooling("heat", "cooling.heat", "power", "kW", "input:6", "int32", _D, scale=0.001, noise=0.03, span=(0, 30), description="Taken up by the water"),
    _cooling("trim", "cooling.trim", "setpoint", "%", "input:8", "int8", span=(-100, 100), description="Trim of the flow controller"),
    _cooling("hall_temperature", "cooling.hall", "temperature", "degC", "input:9", "uint16", scale=0.1, offset=-40.0, noise=0.05, span=(-40, 80), description="Hall, raw 0 = -40 degC"),
    _cooling("setpoint", "cooling.setpoint", "setpoint", "degC", "holding:0", "int16", scale=0.1, stepped=True, span=(5, 30), description="Supply temperature wanted"),
    _cooling("pump_on", "cooling.pump_on", "state", "", "coil:0", "bool", _A, stepped=True, description="Pump"),
    _cooling("chiller_on", "cooling.chiller_on", "state", "", "coil:1", "bool", _A, stepped=True, description="Compressor"),
)  # fmt: skip
_METER: Final = (
    _meter("power", "energy.power", "power", "kW", "holding:100", "int32", scale=0.001, noise=0.06, span=(0, 150), description="Sum of the phases"),
    _meter("energy", "energy.energy", "counter", "kWh", "holding:102", "uint64", _C, scale=0.001, description="Active energy, import"),
    _meter("energy_net", "energy.energy", "counter", "kWh", "holding:106", "int64", _B, scale=0.001, description="Import minus export"),
    _meter("energy_display", "energy.energy", "counter", "kWh", "holding:110", "bcd32", _D, description="As the display shows it"),
    _meter("voltage_l1", "energy.voltage1", "voltage", "V", "holding:112", "float32", noise=0.12, resolution=0.01, span=(0, 300), limits=(207, 253)),
    _meter("voltage_l2", "energy.voltage2", "voltage", "V", "holding:114", "float32", noise=0.12, resolution=0.01, span=(0, 300), limits=(207, 253)),
    _meter("voltage_l3", "energy.voltage3", "voltage", "V", "holding:116", "float32", noise=0.12, resolution=0.01, span=(0, 300), limits=(207, 253)),
    _meter("current_l1", "energy.current1", "current", "A", "holding:118", "float32", noise=0.1, resolution=0.01, span=(0, 250)),
    _meter("current_l2", "energy.current2", "current", "A", "holding:120", "float32", noise=0.1, resolution=0.01, span=(0, 250)),
    _meter("current_l3", "energy.current3", "current", "A", "holding:122", "float32", noise=0.1, resolution=0.01, span=(0, 250)),
    _meter("frequency", "energy.frequency", "frequency", "Hz", "holding:130", "uint16", scale=0.001, noise=0.002, span=(45, 55), limits=(49.5, 50.5)),
    _meter("power_factor", "energy.power_factor", "power-factor", "", "holding:131", "int16", scale=0.001, noise=0.001, span=(-1, 1)),
)  # fmt: skip
_LINE: Final = (
    *(
        _line(f"oven.zone{i}.temperature", f"oven.zone{i}", "temperature", "degC", "Double", noise=0.12, resolution=0.1, span=(0, 400), limits=(low, high), period=0.5, description=f"Oven zone {i}, thermocouple")
        for i, low, high in ((1, 165, 195), (2, 185, 215), (3, 175, 205))
    ),
    *(_line(f"oven.zone{i}.setpoint", f"oven.setpoint{i}", "setpoint", "degC", "Double", stepped=True, span=(0, 400), description=f"Oven zone {i}") for i in (1, 2, 3)),
    *(_line(f"oven.zone{i}.duty", f"oven.duty{i}", "level", "%", "Float", noise=0.05, resolution=0.1, span=(0, 100), description=f"Heater of zone {i}") for i in (1, 2, 3)),
    _line("conveyor.speed", "conveyor.speed", "speed", "m/s", "Float", noise=0.0008, resolution=0.001, span=(0, 1), limits=(0, 0.4), period=0.2, description="Belt"),
    _line("conveyor.setpoint", "conveyor.setpoint", "setpoint", "m/s", "Float", stepped=True, span=(0, 1), description="Belt speed wanted"),
    _line("state", "line.state", "state", "", "Int32", stepped=True, enum=_STATES, description="State of the line"),
    _line("parts", "line.parts", "counter", "", "UInt32", stepped=True, rollover=2.0**32, description="Parts made"),
    _line("rejects", "line.rejects", "counter", "", "UInt32", stepped=True, rollover=2.0**32, description="Parts rejected"),
    _line("batch.id", "line.batch", "text", "", "String", stepped=True, description="Id of the running batch"),
    _line("batch.parts", "line.batch_parts", "counter", "", "UInt16", stepped=True, description="Parts of the running batch"),
    _line("yield", "line.yield", "level", "%", "Double", stepped=True, resolution=0.01, span=(0, 100), description="Good parts of all parts"),
    _line("cycle_time", "line.cycle_time", "duration", "s", "Float", noise=0.01, resolution=0.01, span=(0, 20), description="Last stroke"),
    _line("safety.emergency_stop", "line.emergency_stop", "state", "", "Boolean", stepped=True, enum={"0": "released", "1": "pressed"}, description="Emergency stop, status contact"),
    _line("safety.door_open", "line.door_open", "state", "", "Boolean", stepped=True, enum={"0": "closed", "1": "open"}, description="Guard door, status contact"),
)  # fmt: skip

TAGS: Final = (*_PRESS, *_COOLING, *_METER, *_LINE)
"""Every tag, in the order of the site file."""
