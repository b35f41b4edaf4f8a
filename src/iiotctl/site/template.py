"""The files that `iiotctl init` writes: a commented site and a tag list that load as they are.

`##` is prose, `#` before a key shows its default. A test asserts that every key of the model appears and
that both files are valid, so that the sample cannot fall behind.
"""

from __future__ import annotations

from typing import Final

SITE_TOML: Final = """\
## The site file of iiotctl: what exists in the plant and how it is read.
## Lines with `##` explain; remove the `#` of a key to change its default.
## Check it with:  iiotctl site check
## All keys:       docs/reference/site-file.md, or `iiotctl site schema` for your editor
schema = 1
## tag lists beside this file, CSV or XLSX, a row a tag: edit them in Excel; several as ["a.csv", "b.xlsx"]
tags_file = "tags.csv"

[site]
name = "Plant 1, line 3"
## IANA name, e.g. "Europe/Berlin": of times as you type them, of days, shifts and display; stored times are UTC
timezone = "UTC"
## local times at which shifts begin, for `--every shift` and `--from shift`
# shifts = ["06:00", "14:00", "22:00"]

[store]
## folder of the samples, relative to this file; on a local disk
# path = "store"

[capture]
## at most this much is lost on a power cut; up to 60s for SD cards
# commit = "1s"
## what has been captured becomes Parquet at this age or size
# seal_every = "5min"
# seal_size = "64MB"
## stop writing before the disk has less; default the larger of 2 GB and 5 %
# min_free = "2GB"

## What `iiotctl store retain` lets go, e.g. every night from cron; without it nothing ever expires.
# [retain]
## samples older than this; they leave hourly roll-ups behind
# raw = "90d"
# rollups = "1825d"
# max_size = "50GB"

## One table for each device or server. 192.0.2.x are addresses for examples: nothing answers there.
[sources.press1]
type = "modbus-tcp"
host = "192.0.2.21"
# port = 502
## unit identifier; behind a gateway each device has its own
unit = 1
## scan period
period = "1s"
# timeout = "1s"
## connections to this host and port, shared by all sources on it
# connections = 1
## undeclared registers that may be read to save a request; raise it knowingly
# max_gap = 0
## registers and bits a request; some devices take fewer
# max_registers = 125
# max_bits = 2000
## clear-on-read registers and event FIFOs: no request ever touches them
# never_read = ["holding:500-599"]
## manners on a fragile device: a pause before each request, requests a second, requests on their way at once
# delay = "0s"
# max_rate = 20
# window = 1
## limits of a device family where a key is not given, e.g. "s7-1500", "generic-gateway"
# profile = "generic-gateway"
# zone = "cell-3"
## "never": no audit dials this device
# probe = "allowed"
# description = ""

[sources.line3]
type = "opcua"
url = "opc.tcp://192.0.2.30:4840"
## None, or Basic256Sha256 | Aes128_Sha256_RsaOaep | Aes256_Sha256_RsaPss with -Sign or -SignAndEncrypt
# security = "None"
## who we are to the server: user name and password, or a certificate; a secret is never written here
# user = "reader"
# password = { env = "LINE3_PASSWORD" }        # or { file = "line3.secret" }
# user_certificate = "reader.der"
# user_key = "reader.pem"
## our application certificate (made on first use if not given) and the only server certificate to accept
# certificate = "iiotctl.der"
# private_key = "iiotctl.pem"
# server_certificate = "line3.der"
## "poll" for servers without subscriptions
# mode = "subscribe"
## sampling interval, and publishing interval of the subscription
period = "1s"
# publish = "500ms"
## values kept per item in the server; default 3 x publish / period, at least 10
# queue = 10
## what counts as a data change: status, status-value, status-value-timestamp
# trigger = "status-value"
# timeout = "4s"
## limits of a server family, e.g. "s7-1500", "kepware", "ignition"
# profile = "s7-1500"

## A serial bus (RS-485) of which we are the only master: capture listens first and refuses when it hears another
# [sources.dryer]
# type = "modbus-rtu"
# port = "/dev/ttyUSB0"
# baudrate = 19200
# parity = "even"                              # odd, none
# databits = 8
# stopbits = 1
# listen = "5s"
# unit = 3

## A bus that already has a master: nothing is sent, its own reading is listened to
# [sources.dryer_bus]
# type = "modbus-rtu-listen"
# port = "/dev/ttyUSB1"
# unit = 3

## RTU frames over TCP, as transparent serial servers carry them
# [sources.mixer]
# type = "modbus-rtu-over-tcp"
# host = "192.0.2.40"
# port = 4001
# unit = 5

## Modbus/TCP Security: TLS with a certificate on both sides
# [sources.boiler]
# type = "modbus-tls"
# host = "192.0.2.41"
# port = 802
# ca = "plant-ca.pem"                          # or server_certificate = "boiler.pem"
# server_name = "boiler.plant.example"
# certificate = "iiotctl.pem"
# private_key = "iiotctl-key.pem"

## A recorded file played back as a source
# [sources.recording]
# type = "replay"
# file = "recording.parquet"
# speed = "realtime"                           # or "fast"

## Tags stand in the list named above, or here, one table each:
[[tags]]
name = "press1.hydraulics.pressure"
source = "press1"
## zero-based holding: input: coil: discrete: as on the wire, or references such as 40012; a bit: "holding:11/3"
address = "holding:11"
## bool (u)int8 (u)int16 (u)int32 (u)int64 float16 float32 float64 bcd16 bcd32 string(n)
type = "float32"
## ABCD CDAB BADC DCBA; `iiotctl tags check --live` shows what each gives
order = "CDAB"
# scale = 1
# offset = 0
## raw values that mean "broken wire": stored as null with BadSensorFailure
# invalid = [32767, -32768]
unit = "bar"
## measuring range and operating limits in `unit`
span = [0, 250]
limits = { low_low = 20, low = 40, high = 210, high_high = 230 }
asset = "press1"
kind = "pressure"
# description = ""
## smaller changes are not stored, with 0 only changes are; heartbeat says how often to store at least
# deadband = { percent = 0.5 }                 # or a number in `unit`
# heartbeat = "10min"
## min, max, mean, std, count, first, last of each interval; instead of the samples with raw = false
# rollup = ["1min", "1h"]
# raw = true
## hold the value between samples instead of a sloped line
# stepped = false
# period = "100ms"
# element = 0                                  # index into an OPC UA array
# enum = { "0" = "stopped", "1" = "running" }
# rollover = 65536                             # value at which a counter starts again
# twin = "press1.hydraulics.pressure2"         # measures the same
# siblings = []                                # measured under the same conditions
# criticality = "medium"                       # low medium high

## the same for many tags at once; a key of the tag itself wins, and of several rules the later one
# [[reduction]]
# tags = ["press1.*"]
# deadband = 0
# heartbeat = "10min"
# rollup = "1min"
# raw = true

[[assets]]
name = "press1"
# description = ""
# zone = "cell-3"
## safety instrumented system: never probed
# sis = false
# probe = "allowed"

## Trigger ring: samples wait in memory, and are stored only around triggers; docs/how-to/capture-around-an-event.md
# [ring]
# keep = "30min"
# before = "10min"
# after = "2min"
# triggers = ["press1.hydraulics.pressure > 210 hysteresis 5", "press1.trip rises"]
## which tags go through it; all others are stored as usual
# tags = ["press1.*"]
# memory = "200MB"

## Audits of sensors: findings to pass over, with reason, owner and expiry; docs/how-to/tell-states-and-exceptions.md
# [audit]
# exceptions = "exceptions.toml"
# calibrations = "calibrations.csv"            # as found and as left; docs/how-to/audit-calibrations.md
# reward = "2h"                                # a finding is over after so much time of good samples

## When a machine is at rest, so that its sensors are not called frozen; else learnt from their levels.
# [states.press1]                              # tags with asset = "press1"
# off = "press1.running = 0"
# ramp = "press1.hydraulics.pressure < 20"
# steady = "press1.hydraulics.pressure >= 20"  # left out: whatever is none of the others
# maintenance = "press1.service = 1"
# settle = "10min"                             # after a change of state
# tags = ["press1.*"]                          # these instead

## Events: found in the samples by `iiotctl events find`; docs/how-to/find-events.md
# [[events]]
# name = "pressure-high"
# start = "press1.hydraulics.pressure > 210"
# end = "press1.hydraulics.pressure < 205"     # left out: when `start` is no longer true
# for = "10s"                                  # `start` must hold so long
# end_for = "5s"
# min_duration = "1min"
# join = "30s"                                 # with less than this between them they are one
# severity = "high"
# asset = "press1"
# tags = ["press1.motor.current"]              # minimum, maximum and mean are kept with each event
# description = ""

## Zones and conduits (IEC 62443-3-2): who may talk to whom; used by audits
# [[zones]]
# name = "cell-3"
# purdue = "1"                                 # "3.5" for a DMZ
# addresses = ["192.168.10.0/27"]
# probe = "allowed"
# description = ""
# [[conduits]]
# from = "engineering"
# to = "cell-3"
# services = ["modbus", "opcua"]
# description = ""
"""

TAGS_CSV: Final = """\
name,source,address,type,order,scale,unit,span,low,high,asset,kind,description
press1.motor.current,press1,holding:20,uint16,,0.1,A,0;60,,45,press1,current,main drive
press1.state,press1,input:0,uint16,,,,,,,press1,state,0 idle 1 ramp 2 run 3 stop
press1.parts,press1,holding:30,uint32,CDAB,,1,,,,press1,counter,good parts since start
press1.door,press1,discrete:0,bool,,,,,,,press1,state,guard door closed
line3.oven.temperature,line3,ns=2;s=Oven.Temperature,,,,degC,0;300,150,240,,temperature,zone 1
"""
"""The tag list; plain rows without comments, as Excel would leave them."""

FILES: Final = {"site.toml": SITE_TOML, "tags.csv": TAGS_CSV}
