"""What a notebook shows of graphs, modules and values."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree

import mixad as mx
import pytest
from mixad.ir import Graph, Module, TensorType, parse_module
from mixad.ir import display as hooks
from mixad.tools import display
from mixad.tools.report.layout import GAP, layout

TEXT = """module @m {
  func @f(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>) {
    %0 = tensor.sin %x : tensor<2x3xf32>
    %1 = tensor.cos %x : tensor<2x3xf32> loc("a.py":3 "f" "tensor.sin" 1)
    %2 = tensor.mul %0, %1 : tensor<2x3xf32>
    %far = tensor.exp %2 : tensor<2x3xf32>
    %end = tensor.neg %far : tensor<2x3xf32>
    return %end
  }
}
"""
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def module() -> Module:
    return parse_module(TEXT, "m")


def words(picture: str | None) -> list[str]:
    assert picture is not None
    return [text.text or "" for text in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def test_graph_and_module_draw_every_operation(module: Module) -> None:
    for shown in (module, module.entry):
        found = words(shown._repr_svg_())
        assert {"@f", "%x", "sin", "cos ∂1", "mul", "exp", "neg", "return", "2x3xf32"} <= set(found)


def test_value_draws_its_neighbours_and_stands_out(module: Module) -> None:
    (sine,) = [op for op in module.entry if op.name == "tensor.sin"]
    picture = sine.result._repr_svg_()
    assert "exp" in words(picture)
    assert "neg" not in words(picture)
    assert picture.count(' sel"') == 1


def test_html_unfolds_the_text(module: Module) -> None:
    shown = module._repr_html_()
    assert "@m: 5 operations" in shown
    assert "tensor.mul %0, %1 : tensor&lt;2x3xf32&gt;" in shown
    assert "tensor&lt;2x3xf32&gt;" in module.entry.outputs[0]._repr_html_()


def test_value_of_no_graph_has_no_picture(module: Module) -> None:
    value = module.entry.outputs[0]
    module.entry.set_outputs(())
    module.entry.erase(value.owner)
    assert value._repr_svg_() is None
    assert "%end: tensor&lt;2x3xf32&gt;" in value._repr_html_()


def test_large_program_is_text(module: Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "MOST", 4)
    assert module._repr_svg_() is None
    assert "More than 4 operations" in module._repr_html_()


def test_names_are_escaped() -> None:
    graph = Graph("<script>alert(1)</script>")
    graph.set_outputs([graph.add_input(TensorType((), "f4"), "x")])
    module = Module("</b><img src=x>")
    module.add(graph)
    for text in (module._repr_html_(), module._repr_svg_()):
        assert "<script" not in text
        assert "<img" not in text
    ElementTree.fromstring(graph._repr_svg_())


def test_without_tools_nothing_is_drawn(module: Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "_renderers", {})
    assert module._repr_html_() is None
    assert module._repr_svg_() is None


def test_layers_go_down_and_boxes_do_not_overlap() -> None:
    module = mx.make_graph(mx.grad(lambda x: mx.grad(lambda y: y * y * y)(x) * x))(1.0)
    mx.PassManager("expand-ad,inline,dce").run(module)
    graph = module.entry
    boxes = layout({op: op.name for op in [*[value.owner for value in graph.inputs], *graph, graph.end]})
    assert len(boxes) > 8
    for op, box in boxes.items():
        assert all(boxes[value.owner].layer < box.layer for value in op.operands)
    rows: dict[int, list[tuple[float, float]]] = {}
    for box in boxes.values():
        rows.setdefault(box.layer, []).append((box.x - box.width / 2, box.x + box.width / 2))
    for row in rows.values():
        row.sort()
        assert all(right + GAP <= left + 1e-6 for (_, right), (left, _) in itertools.pairwise(row))
