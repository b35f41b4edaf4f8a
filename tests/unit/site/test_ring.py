"""`[ring]`, the trigger language and the flags: what is understood, and what an error says."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.errors import IiotctlError, SiteError, UsageError
from iiotctl.site.condition import Condition
from iiotctl.site.load import load_site
from iiotctl.site.model import Tag
from iiotctl.site.ring import RingTable, from_flags
from iiotctl.site.trigger import parse_trigger


@pytest.mark.parametrize(
    ("text", "condition", "threshold", "hysteresis", "hold"),
    [
        ("press1.trip rises", Condition.RISES, 0, 0, 0),
        ("press1.trip   falls for 500ms", Condition.FALLS, 0, 0, 0.5),
        ("a changes hysteresis 0.5", Condition.CHANGES, 0, 0.5, 0),
        ("a bad for 5s", Condition.BAD, 0, 0, 5),
        ("a > 90 hysteresis 2 for 1min30s", Condition.ABOVE, 90, 2, 90),
        ("a>=-1.5e3", Condition.AT_LEAST, -1500, 0, 0),
        ("a ≤ 5", Condition.AT_MOST, 5, 0, 0),
        ("a < 5 for 2s hysteresis 1", Condition.BELOW, 5, 1, 2),
        ("a = 3", Condition.EQUAL, 3, 0, 0),
    ],
)
def test_triggers(text: str, condition: Condition, threshold: float, hysteresis: float, hold: float) -> None:
    found = parse_trigger(text)
    assert (found.condition, found.threshold, found.hysteresis, found.hold_s) == (
        condition,
        threshold,
        hysteresis,
        hold,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it begins with the name of a tag"),
        ("a", "a condition is missing"),
        ("a ris", "`ris` is no condition"),
        ("a > 9,5", "write `9.5`"),
        ("a == 3", "`==` is no comparison"),
        ("a != 3", "`!=` is no comparison"),
        ("a > b", "a number is expected behind `>`, not `b`"),
        ("a > 3 hysteresis", "a number is expected behind `hysteresis`"),
        ("a > 3 hysteresis -1", "not negative"),
        ("a > 3 for 5", "a time is expected behind `for`, e.g. `for 5s`, not `5`"),
        ("a > 3 for 5s for 6s", "`for` stands twice"),
        ("a > 3 then 5s", "`then` is not expected here"),
        ("a rises hysteresis 2", "`rises` knows no hysteresis"),
        ("a changes for 5s", "`changes` is a moment"),
    ],
)
def test_what_is_no_trigger(text: str, says: str) -> None:
    with pytest.raises(ValueError, match="is no trigger") as caught:
        parse_trigger(text)
    assert says in str(caught.value)


SITE = """
schema = 1
[sources.one]
type = "modbus-tcp"
host = "127.0.0.1"
[[tags]]
name = "press1.trip"
source = "one"
address = "coil:1"
type = "bool"
[[tags]]
name = "press1.batch"
source = "one"
address = "holding:1"
type = "string(8)"
"""


def loaded(folder: Path, ring: str) -> RingTable | None:
    (folder / "site.toml").write_text(f"{SITE}[ring]\n{ring}\n")
    return load_site(folder / "site.toml").site.ring


def test_a_ring_in_the_site_file(tmp_path: Path) -> None:
    ring = loaded(tmp_path, 'keep = "30min"\nbefore = "10min"\ntriggers = ["press1.trip  rises"]\ntags = ["press1.*"]')
    assert ring is not None
    assert (ring.keep, ring.before, ring.after, ring.triggers) == (1800, 600, 120, ("press1.trip rises",))
    assert ring.takes("press1.batch")
    assert not ring.takes("oven.trip")


@pytest.mark.parametrize(
    ("ring", "slug", "says"),
    [
        ('keep = "5min"\ntriggers = ["press1.tripp rises"]', "trigger-tag", "did you mean `press1.trip`?"),
        ('keep = "5min"\ntriggers = ["press1.batch changes"]', "trigger-tag", "text tag"),
        ('keep = "5min"\ntriggers = ["press1.trip rises"]\ntags = ["oven.*"]', "ring-tags", "no tag matches `oven.*`"),
        ('keep = "5min"\ntriggers = ["press1.trip > 1,5"]', "site-value", "decimal comma"),
        ('keep = "5min"\nbefore = "6min"\ntriggers = ["press1.trip rises"]', "site-value", "longer than the ring"),
        ('keep = "0s"\ntriggers = ["press1.trip rises"]', "site-value", "`keep` must be greater than `0s`"),
        ('keep = "5min"\nmemory = "1B"', "site-value", "`memory` must be at least `1 MB`, not `1 B`"),
        ('keep = "5min"\ntags = []', "site-value", "`tags` must not be empty"),
    ],
)
def test_a_ring_that_cannot_be(tmp_path: Path, ring: str, slug: str, says: str) -> None:
    with pytest.raises(SiteError) as caught:
        loaded(tmp_path, ring)
    assert caught.value.slug == slug
    assert says in f"{caught.value.what} {caught.value.hint}"
    assert (caught.value.where or "").startswith("site.toml:")


@pytest.mark.parametrize("ring", ['tags = ["press1.*"]', 'keep = "5min"', 'triggers = ["press1.trip rises"]', ""])
def test_a_ring_that_flags_make_whole(tmp_path: Path, ring: str) -> None:
    declared = loaded(tmp_path, ring)
    made = from_flags(declared, {"keep": "1min", "triggers": ["press1.trip falls"]}, TAGS)
    assert made is not None
    assert (made.keep, made.triggers) == (60, ("press1.trip falls",))
    with pytest.raises(SiteError) as caught:
        from_flags(declared, {}, TAGS)
    assert caught.value.slug == "ring-incomplete"
    lacking = [flag for key, flag in (("keep", "`--ring`"), ("triggers", "`--keep-around`")) if key not in ring]
    assert " and ".join(lacking) in (caught.value.hint or "")


TAGS = (Tag(name="press1.trip", source="one", address="coil:1"),)


def test_flags_stand_for_keys_and_before_them(tmp_path: Path) -> None:
    declared = loaded(tmp_path, 'keep = "30min"\ntriggers = ["press1.trip rises"]\nafter = "1min"\nmemory = "50MB"')
    ring = from_flags(declared, {"keep": "5m", "before": "2m", "triggers": None}, TAGS)
    assert ring is not None
    assert (ring.keep, ring.before, ring.after, ring.memory, ring.triggers) == (
        300,
        120,
        60,
        50_000_000,
        ("press1.trip rises",),
    )
    same = from_flags(declared, {"keep": None}, TAGS)
    assert same is not None
    assert declared is not None
    assert same.model_dump() == declared.model_dump()
    assert from_flags(None, {}, TAGS) is None


@pytest.mark.parametrize(
    ("flags", "slug", "says"),
    [
        ({"before": "5min"}, "ring-flags", "`--before` needs `--ring` and `--keep-around`"),
        ({"keep": "5min"}, "ring-flags", "`--ring` needs `--keep-around`"),
        ({"keep": "5", "triggers": ["press1.trip rises"]}, "bad-value", "`--ring`"),
        ({"keep": "5min", "triggers": ["press1.trip rise"]}, "bad-value", "`--keep-around`"),
        ({"keep": "5min", "before": "6min", "triggers": ["press1.trip rises"]}, "bad-value", "`--before`"),
        ({"keep": "0s", "triggers": ["press1.trip rises"]}, "bad-value", "`--ring` must be greater than `0s`"),
        (
            {"keep": "5s", "memory": "1B", "triggers": ["press1.trip rises"]},
            "bad-value",
            "`--ring-memory` must be at least `1 MB`, not `1 B`",
        ),
        ({"keep": "5min", "triggers": ["pres1.trip rises"]}, "trigger-tag", "unknown tag `pres1.trip`"),
    ],
)
def test_flags_that_make_no_ring(flags: dict[str, object], slug: str, says: str) -> None:
    with pytest.raises(IiotctlError) as caught:
        from_flags(None, flags, TAGS)
    assert caught.value.slug == slug
    assert says in caught.value.what
    assert isinstance(caught.value, UsageError if slug != "trigger-tag" else SiteError)
