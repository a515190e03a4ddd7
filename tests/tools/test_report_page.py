"""The report in a browser: what is seen, keys, mouse, search, light and dark, and its speed at 2,000 operations."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mixad as mx
import numpy as np
import pytest
from mixad.ir import Module, parse_module
from mixad.tools.report import Recorder, report

pytestmark = pytest.mark.slow

#: Texts of the elements that a selector finds.
TEXTS = "[...document.querySelectorAll({!r})].map(each => each.textContent)"
ACTIVE = ".column.active"


def energy(x: np.ndarray) -> np.ndarray:
    return np.sum(np.tanh(x) * np.exp(x))


def deep(x: np.ndarray) -> np.ndarray:
    y = x
    for _ in range(56):
        y = np.sin(y) * y + 0.5 * x
        y = np.tanh(y)
    return np.sum(y)


def dumped(folder: Path, function: Callable[..., Any], *args: Any) -> Path:
    with mx.dump(folder):
        function(*args)
    (page,) = folder.glob("*/report.html")
    return page


def second(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return mx.grad(lambda x: np.sum(mx.grad(function)(x) ** 2))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dumped(tmp_path_factory.mktemp("small"), second(energy), np.ones((2, 3)))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dumped(tmp_path_factory.mktemp("large"), second(deep), np.ones(3))


def show(browser: Any, page: Path, fragment: str = "") -> None:
    browser.open(page, fragment)
    browser.wait(f"document.querySelector('{ACTIVE} .line') !== null")


def texts(browser: Any, selector: str) -> list[str]:
    return browser.run(TEXTS.format(selector))


def shown_step(browser: Any) -> int:
    return int(browser.run(f"document.querySelector('{ACTIVE}').dataset.step"))


def test_everything_is_there_and_nothing_is_loaded(browser: Any, small: Path) -> None:
    show(browser, small, "#pass=0")
    assert browser.errors == []
    assert [url for url in browser.requests if url != "about:blank"] == [small.as_uri()]
    assert texts(browser, f"{ACTIVE} .top b") == ["input"]
    assert "%0 = tanh %x : tensor<2x3xf64>" in [line.strip() for line in texts(browser, f"{ACTIVE} .line code")]
    nodes = texts(browser, ".graph .node > text")
    assert {"tanh", "exp", "return"} <= set(nodes)
    assert "2x3xf64" in texts(browser, ".graph .shapes text")
    assert texts(browser, ".graph .title")[0].startswith("@")
    assert texts(browser, "#passes .time")[1].endswith(" ms")
    assert len(texts(browser, ".column")) == len(list(small.parent.glob("*.mix")))


def test_orders_are_said_in_words_and_shapes(browser: Any, small: Path) -> None:
    show(browser, small)
    nodes = texts(browser, ".graph .node > text")
    assert any(node.endswith("∂1") for node in nodes)
    assert any(node.endswith("∂2") for node in nodes)
    assert texts(browser, ".legend .chip") == ["yours", "∂1 derived", "∂2 derived"]
    radius = (
        "[...new Set([...document.querySelectorAll('.node.op.o{} > rect:first-of-type')].map(r => r.rx.baseVal.value))]"
    )
    assert browser.run(radius.format(0)) != browser.run(radius.format(1))
    assert browser.run("document.querySelectorAll('.node.o2 .inner').length") > 0
    assert browser.run("document.querySelectorAll('.node.o1 .inner').length") == 0


def test_keys_move_between_passes_and_values(browser: Any, small: Path) -> None:
    show(browser, small, "#pass=0")
    browser.press("ArrowRight")
    assert shown_step(browser) == 1
    browser.press("ArrowLeft")
    browser.press("ArrowLeft")
    assert shown_step(browser) == 0
    browser.press("ArrowDown")
    first = texts(browser, f"{ACTIVE} .line.sel code")
    browser.press("ArrowDown")
    assert texts(browser, f"{ACTIVE} .line.sel code") != first
    browser.press("ArrowUp")
    assert texts(browser, f"{ACTIVE} .line.sel code") == first
    browser.press("Escape")
    assert texts(browser, ".line.sel") == []
    assert browser.errors == []


def test_tab_reaches_the_controls(browser: Any, small: Path) -> None:
    show(browser, small)
    seen = set()
    for _ in range(200):
        browser.press("Tab")
        seen.add(browser.run("document.activeElement.id || document.activeElement.className"))
    assert {"search", "pass", "top", "lines"} <= seen


def test_click_follows_a_value_through_the_passes_to_the_users_line(browser: Any, small: Path) -> None:
    show(browser, small, "#pass=0")
    key = browser.run(
        "[...document.querySelectorAll('.node')].find(n => n.querySelector('text').textContent === 'tanh').dataset.key"
    )
    browser.click(f'.node[data-key="{key}"] text')
    assert texts(browser, f"{ACTIVE} .line.sel code") == ["%0 = tanh %x : tensor<2x3xf64>"]
    assert texts(browser, "#inspector .source") == ["return np.sum(np.tanh(x) * np.exp(x))"]
    assert "test_report_page.py:" in texts(browser, "#inspector .path")[0]
    assert "6 operations, 96 B read and written" in texts(browser, "#inspector dd")
    assert texts(browser, ".history .word") == ["made"]
    steps = len(texts(browser, ".column"))
    assert texts(browser, ".history .kept") == [f"kept by {steps - 1} passes"]
    browser.press("ArrowRight")
    assert "= tanh " in texts(browser, f"{ACTIVE} .line.sel code")[0]
    assert texts(browser, ".node.sel > text") == ["tanh"]


def test_hover_shows_the_same_value_in_other_columns(browser: Any, small: Path) -> None:
    show(browser, small, "#pass=1")
    x, y = browser.run(
        f"(b => [b.x + 60, b.y + 10])(document.querySelector('{ACTIVE} .line.op').getBoundingClientRect())"
    )
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    assert len(texts(browser, ".line.hover")) >= 2
    assert len(texts(browser, ".node.hover")) == 1


def test_search_by_keyboard(browser: Any, small: Path) -> None:
    show(browser, small, "#pass=0")
    browser.press("/")
    for letter in "exp":
        browser.press(letter)
    assert texts(browser, "#status") == ["1 found in this program"]
    browser.press("Enter")
    assert "= exp " in texts(browser, f"{ACTIVE} .line.sel code")[0]
    assert len([hits for hits in texts(browser, ".pass .hits") if hits]) > 5
    show(browser, small, "#pass=0&search=nothing at all")
    assert texts(browser, "#status") == ["0 found in this program"]
    show(browser, small, "#pass=0&search=np.tanh(x) *")
    assert texts(browser, "#status")[0] != "0 found in this program"


def test_zoom_and_pan(browser: Any, small: Path) -> None:
    show(browser, small)
    transform = "document.querySelector('.graph > g').getAttribute('transform')"
    before = browser.run(transform)
    browser.press("+")
    zoomed = browser.run(transform)
    assert zoomed != before
    box = browser.run("(b => [b.x + 30, b.bottom - 30])(document.querySelector('svg.graph').getBoundingClientRect())")
    for kind, shift in (("mousePressed", 0), ("mouseMoved", 10), ("mouseMoved", 50), ("mouseReleased", 50)):
        browser.call("Input.dispatchMouseEvent", type=kind, x=box[0] + shift, y=box[1], button="left", buttons=1)
    panned = browser.run(transform)
    assert panned != zoomed
    browser.call("Input.dispatchMouseEvent", type="mouseWheel", x=box[0], y=box[1], deltaX=0, deltaY=240)
    assert browser.run(transform) != panned


def test_memory_is_that_of_the_schedule(browser: Any, tmp_path: Path) -> None:
    """x lives throughout, a dies at b, b at c: 3 arrays of 4,096 bytes at most."""
    page = page_of(
        parse_module(
            "module { func @f(%x: tensor<1024xf32>) -> (tensor<1024xf32>) { %a = tensor.sin %x : tensor<1024xf32>\n"
            "%b = tensor.cos %a : tensor<1024xf32>\n %c = tensor.exp %b : tensor<1024xf32>\n return %c } }",
            "m",
        ),
        tmp_path,
    )
    show(browser, page)
    assert browser.run("document.getElementById('memory').dataset.peak") == str(3 * 4096)
    assert texts(browser, "#memory .note") == ["Peak: 12 KiB live at %b (cos) of @f"]


def page_of(module: Module, folder: Path, entry: str = "f") -> Path:
    recorder = Recorder()
    recorder.step(module, "input", "00-input.mix")
    path = folder / "report.html"
    path.write_text(report(recorder, {"entry": entry, "passes": []}), encoding="utf-8")
    return path


def test_hostile_names_are_text(browser: Any, tmp_path: Path) -> None:
    evil = "</script><img src=x onerror='document.title=1'>"
    module = parse_module("module { func @f(%x: tensor<f32>) -> (tensor<f32>) { return %x } }", "m")
    module.entry.name = evil
    module.entry.inputs[0].name = evil
    show(browser, page_of(module, tmp_path, evil))
    assert browser.errors == []
    assert browser.run("document.title") == f"mixad: {evil}"
    assert texts(browser, "h1") == [f"@{evil}"]
    assert browser.run("document.querySelectorAll('img, script').length") == 2  # the data and the page's own script


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Any, small: Path, scheme: str) -> None:
    """WCAG's AA: a contrast of 4.5."""
    browser.scheme(scheme)
    show(browser, small, "#pass=1&search=tanh")
    colours = """(selector => { const s = getComputedStyle(document.querySelector(selector)); return s; })"""
    pairs = [("body", "backgroundColor", "body", "color"), ("#passes", "backgroundColor", ".facts", "color")]
    pairs += [(f".node.o{order} rect", "fill", f".node.o{order} text", "fill") for order in (0, 1)]
    pairs += [(".line.hit", "backgroundColor", ".line.hit code", "color")]
    for ground, which, ink, what in pairs:
        back, front = (browser.run(f"{colours}({name!r}).{prop}") for name, prop in ((ground, which), (ink, what)))
        assert contrast(back, front) >= 4.5, (scheme, ground, back, front)
    assert (luminance(browser.run(f"{colours}('body').backgroundColor")) < 0.5) == (scheme == "dark")
    browser.scheme("light")


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_two_thousand_operations(browser: Any, large: Path) -> None:
    """Whole and near; each answer is given in well under a second here, so ten say that something is quadratic."""
    start = time.monotonic()
    show(browser, large)
    counted = int(texts(browser, f"{ACTIVE} .top span")[0].split()[0].replace(",", ""))
    assert 1900 < counted < 2400
    assert len(texts(browser, ".graph .node > text")) >= counted
    assert len(texts(browser, f"{ACTIVE} .line")) < 100
    for key in ("ArrowLeft", "ArrowDown", "n"):
        browser.press(key)
    assert 3 < len(texts(browser, ".graph .node > text")) < 300
    assert time.monotonic() - start < 10
    assert browser.errors == []


def test_screenshot(browser: Any, small: Path, tmp_path: Path) -> None:
    """A picture has many colours: it was painted. MIXAD_SCREENSHOTS=folder keeps it."""
    show(browser, small, "#pass=3")
    picture = Path(os.environ.get("MIXAD_SCREENSHOTS", tmp_path)) / "report.png"
    browser.screenshot(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000
