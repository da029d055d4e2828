"""The page of a report in a real browser: what it shows, what it asks for, how it looks and prints."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest

from tests.audit.ledgers import DAY, facts
from tests.cli import browser
from tests.cli.browser import Browser, NetworkLog, read_network_log
from tests.cli.command import start
from tests.internet import US

SCRIPT: Final = "<script>document.title='owned'</script>"
STRICT: Final = 'require = ["eu"]\nstrict = true\n'
WIDTHS: Final = {"desktop": 1200, "tablet": 800, "phone": 390}
needs_browser = pytest.mark.skipif(browser.is_missing(), reason="needs chromium")


@pytest.fixture
def page(ledger: Callable[..., str], tmp_path: Path) -> Path:
    """The page of a report with one of everything, on many days, and with names that are markup or long."""
    alias = facts(model="gpt-4o")._replace(answer=None)
    file = tmp_path / "page" / "report.html"
    file.parent.mkdir()
    strict = tmp_path / "policy.toml"
    strict.write_text(STRICT, encoding="utf-8")
    days = [facts(on=DAY - timedelta(number)) for number in range(0, 60, 7)]
    long = facts(path=f"/v1/{'very-long-name/' * 12}x", model="m" * 90)
    path = ledger(facts(US), alias, long, *days, tail=b"no JSON\n", service=f"claims {SCRIPT}")
    done = start("report", path, "--what-if", str(strict), "--output", str(file))
    assert (done.returncode, done.stderr) == (1, "")
    return file


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Browser]:
    """A browser, before it shows anything."""
    with browser.started(tmp_path) as started:
        yield started


def test_the_page_needs_nothing_else(page: Path) -> None:
    """Nothing in it is fetched, nothing runs, and names of others are text."""
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<(?:script|link|img|iframe|object|embed|base)\b|@import|url\(|\son\w+=", text)
    assert "default-src 'none'" in text
    assert SCRIPT not in text


@needs_browser
def test_a_browser_shows_every_section(page: Path, shown: Browser) -> None:
    """The answer comes first, with service and region; each section is there, and no name of others ran."""
    shown.sized(WIDTHS["desktop"])
    shown.show(page.as_uri())
    text = re.sub(r"\s+", " ", shown.value("document.body.innerText"))
    first = shown.value("document.querySelector('main').innerText.split('. ')[0]").replace("\xa0", " ")
    assert first == (
        "2 of 13 recorded calls (15.3 %, 15 Sep to 10 Nov 2026) did not meet the requirement to stay in "
        f"Europe, in claims {SCRIPT} (2)"
    )
    for sentence in (
        "Europe means EEA + Switzerland. What the policies state about your contract was taken as true.",
        "1 The answer in numbers",
        "2 Over time",
        "number of calls; each bar is a day, UTC",
        "3 By service, region, host, endpoint and model",
        "Calls that did not meet their requirement",
        "The host belongs to a region that the policy does not allow.",
        "Calls that could not be judged",
        "What the records do not show",
        "not JSON: JSON is malformed: invalid character",
        "All of them give the recorded verdict.",
        "What the other policy would have blocked",
        "read only in an archived copy that a machine had translated",
        "zero data retention: DPA annex 2",
        "It does not show where the vendor computed.",
    ):
        assert sentence in text, sentence
    assert "owned" not in shown.value("document.title")
    assert shown.value("document.querySelectorAll('svg[role=img] rect').length")


@needs_browser
def test_the_page_asks_no_host_for_anything(page: Path, tmp_path: Path) -> None:
    """Shown, on a phone, in the dark and printed, it begins no request and tries no connection."""
    with browser.started(tmp_path) as shown:
        for width in WIDTHS.values():
            for dark in (False, True):
                shown.sized(width, dark=dark)
                shown.show(page.as_uri())
        shown.printed()
    assert read_network_log(tmp_path) == NetworkLog((), ())


@needs_browser
@pytest.mark.parametrize(
    "fetching",
    [
        '<img src="http://{}/x">',
        '<style>@import "http://{}/x";</style>',
        '<script>fetch("http://{}/x")</script>',
        '<link rel="preconnect" href="http://{}">',
    ],
)
def test_a_page_that_asks_would_be_noticed(fetching: str, tmp_path: Path) -> None:
    """The check above fails for a page that fetches something, or only gets ready to."""
    file = tmp_path / "page.html"
    with browser.listening() as (place, arrived):
        file.write_text(fetching.format(place), encoding="utf-8")
        with browser.started(tmp_path) as shown:
            shown.show(file.as_uri())
            arrived()
    assert place in read_network_log(tmp_path).peers
    assert read_network_log(tmp_path).addresses == (
        () if "preconnect" in fetching else (f"http://{place}/x",)
    )


@needs_browser
@pytest.mark.parametrize("width", WIDTHS.values(), ids=list(WIDTHS))
def test_nothing_is_wider_than_the_screen(page: Path, shown: Browser, width: int) -> None:
    """No line has to be read by moving sideways, whatever names there are."""
    shown.sized(width)
    shown.show(page.as_uri())
    assert shown.value("document.documentElement.scrollWidth") <= width


@needs_browser
def test_the_print_has_pages_and_tables(page: Path, shown: Browser) -> None:
    """It prints on several sheets, with tables as on a desktop, and not as on a phone."""
    shown.show(page.as_uri())
    assert len(re.findall(rb"/Type\s*/Page\b", shown.printed())) >= 3
    shown.do("Emulation.setEmulatedMedia", media="print")
    shown.do("Emulation.setDeviceMetricsOverride", width=665, height=900, deviceScaleFactor=1, mobile=False)
    assert shown.value("getComputedStyle(document.querySelector('thead')).display") == "table-header-group"
    assert shown.value("document.documentElement.scrollWidth") <= 665


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["bright", "dark"])
def test_every_text_stands_out_from_its_ground(page: Path, shown: Browser, dark: bool) -> None:  # noqa: FBT001
    """In the dark, too, each text has the contrast that WCAG asks for, 4.5 to 1."""
    shown.sized(WIDTHS["desktop"], dark=dark)
    shown.show(page.as_uri())
    colours = shown.value(
        """[...new Set([...document.querySelectorAll('body *:not(title)')]
             .filter(each => [...each.childNodes].some(node => node.nodeType == 3 && node.data.trim()))
             .map(each => getComputedStyle(each)[each instanceof SVGElement ? 'fill' : 'color']))]"""
    )
    ground = shown.value("getComputedStyle(document.body).backgroundColor")
    assert (_luminance(_of_css(ground)) < 0.05) == dark
    assert len(colours) >= 2
    for colour in colours:
        assert _contrast(_of_css(colour), _of_css(ground)) >= 4.5, colour


@pytest.mark.parametrize("number", [0, 1], ids=["bright", "dark"])
def test_the_colour_blind_can_distinguish_outcomes(page: Path, number: int) -> None:
    """Any two colours of a chart differ plainly, also for those who don't see red, green or blue."""
    found = re.findall(r"--kept: #.*?;\s*}", page.read_text(encoding="utf-8"), re.DOTALL)
    colours = re.findall(r"--(\w+): #(\w{6})", found[number])
    assert len(colours) == 7
    for one, other in combinations(colours, 2):
        for lacking, matrix in COLOUR_VISION.items():
            assert _difference(one[1], other[1], matrix) > 15, (one, other, lacking)


Matrix = tuple[tuple[float, float, float], ...]
COLOUR_VISION: Final[Mapping[str, Matrix]] = {
    "nothing": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "red": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
"""How colours look to people who lack a kind of cone: Machado, Oliveira and Fernandes, 2009."""
XYZ: Final[Matrix] = (
    (0.4339, 0.3762, 0.1899),
    (0.2126, 0.7152, 0.0722),
    (0.0177, 0.1095, 0.8728),
)
"""To CIE XYZ, with white as 1."""
Colour = tuple[float, ...]


def _of_css(colour: str) -> Colour:
    return _linear([int(part) for part in re.findall(r"\d+", colour)[:3]])


def _linear(bytes_: list[int]) -> Colour:
    parts = [byte / 255 for byte in bytes_]
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def _luminance(colour: Colour) -> float:
    return _times(XYZ, colour)[1]


def _contrast(one: Colour, other: Colour) -> float:
    dark, bright = sorted((_luminance(one), _luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def _difference(one: str, other: str, matrix: Matrix) -> float:
    """The distance of two colours in CIELAB."""
    first, second = (_lab(_times(matrix, _linear([*bytes.fromhex(each)]))) for each in (one, other))
    return float(sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) ** 0.5)


def _lab(colour: Colour) -> Colour:
    x, y, z = (
        max(part, 0) ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116
        for part in _times(XYZ, colour)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _times(matrix: Matrix, colour: Any) -> Colour:
    return tuple(sum(a * b for a, b in zip(row, colour, strict=True)) for row in matrix)
