"""Each labelled constraint of each operation, broken: the error carries operation and label."""

import mixad.ops
import numpy as np
import pytest
from mixad.ir import Graph, TensorType, lookup, registered
from mixad.ir.builder import Builder
from mixad.ir.errors import ConstraintError, DTypeError, ShapeError
from mixad.ir.types import DTYPE_NAMES

FLOAT, INT, FLAG, COMPLEX = np.float64, np.int64, np.bool_, np.complex128


def _t(*shape, dtype=FLOAT):
    return TensorType(shape, dtype)


def _refused(dtypes):
    """An element type that is not among those taken."""
    return next(dtype for dtype in DTYPE_NAMES if dtype not in dtypes)


def _violations():
    """(operation, label) -> operand types and attributes that break that constraint, and none before it."""
    found = {}
    for name, definition in registered().items():
        cls = definition.rules and definition.rules.cls
        if cls and issubclass(cls, mixad.ops.elementwise.Unary):
            found[name, "C1"] = ([_t(2, dtype=_refused(cls.dtypes))], {})
        elif cls and issubclass(cls, mixad.ops.arithmetic.Binary):
            found[name, "C1"] = ([_t(2), _t(3)], {})
            found[name, "C2"] = ([_t(2), _t(2, dtype=INT)], {})
            found[name, "C3"] = ([_t(2, dtype=_refused(cls.dtypes))] * 2, {})
        elif cls and issubclass(cls, mixad.ops.special_base.Ordered):
            found[name, "C1"] = ([_t(2), _t(3)], {})
            found[name, "C2"] = ([_t(2), _t(2, dtype=np.float32)], {})
            found[name, "C3"] = ([_t(2, dtype=COMPLEX)] * 2, {})
        elif cls and issubclass(cls, PARAMETRIC):
            others = [_t(2)] * (len(definition.rules.operands) - 1)
            found[name, "C1"] = ([*others, _t(3)], {})
            found[name, "C2"] = ([*others, _t(2, dtype=np.float32)], {})
            found[name, "C3"] = ([_t(2, dtype=COMPLEX)] * (len(others) + 1), {})
        elif cls and issubclass(cls, mixad.ops.reductions.Reduction):
            found[name, "C1"] = ([_t(2, 3)], {"axes": (1, 0)})
            found[name, "C2"] = ([_t(2, dtype=_refused(cls.dtypes))], {"axes": (0,)})
            if not cls.has_identity:
                found[name, "C3"] = ([_t(2, 0)], {"axes": (1,)})
    for name in ("tensor.argmax", "tensor.argmin"):
        found[name, "C1"] = ([_t(2)], {"axis": 1})
        found[name, "C2"] = ([_t(2, dtype=COMPLEX)], {"axis": 0})
        found[name, "C3"] = ([_t(0)], {"axis": 0})
    return found | EXPLICIT


PARAMETRIC = (mixad.ops.special_gamma.IncompleteBeta, mixad.ops.special_integrals.Hypergeometric)
ONE = _t(4, dtype=INT)
EXPLICIT = {
    ("ad.mul_no_nan", "C1"): ([_t(2), _t(3)], {}),
    ("tensor.compare", "C1"): ([_t(2), _t(3)], {"direction": "eq"}),
    ("tensor.compare", "C2"): ([_t(2), _t(2, dtype=INT)], {"direction": "eq"}),
    ("tensor.compare", "C3"): ([_t(2), _t(2)], {"direction": "above"}),
    ("tensor.compare", "C4"): ([_t(2, dtype=COMPLEX), _t(2, dtype=COMPLEX)], {"direction": "lt"}),
    ("tensor.select", "C1"): ([_t(2, dtype=FLAG), _t(2), _t(3)], {}),
    ("tensor.select", "C2"): ([_t(2, dtype=FLAG), _t(2), _t(2, dtype=INT)], {}),
    ("tensor.select", "C3"): ([_t(2, dtype=INT), _t(2), _t(2)], {}),
    ("tensor.select", "C4"): ([_t(dtype=FLAG), _t(2), _t(2)], {}),
    ("tensor.cumsum", "C1"): ([_t(2)], {"axis": -1, "reverse": False}),
    ("tensor.cumsum", "C2"): ([_t(2, dtype=FLAG)], {"axis": 0, "reverse": False}),
    ("tensor.reshape", "C1"): ([_t(2, 3)], {"shape": (4,)}),
    ("tensor.transpose", "C1"): ([_t(2, 3)], {"permutation": (0, 0)}),
    ("tensor.broadcast_in_dim", "C1"): ([_t(3)], {"shape": (2, 3), "dims": ()}),
    ("tensor.broadcast_in_dim", "C2"): ([_t(2, 3)], {"shape": (3, 2), "dims": (1, 0)}),
    ("tensor.broadcast_in_dim", "C3"): ([_t(3)], {"shape": (2, 4), "dims": (1,)}),
    ("tensor.concatenate", "C1"): ([], {"axis": 0}),
    ("tensor.concatenate", "C2"): ([_t(2)], {"axis": 1}),
    ("tensor.concatenate", "C3"): ([_t(2, 3), _t(2, 4)], {"axis": 0}),
    ("tensor.concatenate", "C4"): ([_t(2), _t(2, dtype=INT)], {"axis": 0}),
    ("tensor.slice", "C1"): ([_t(4)], {"starts": (0, 0), "sizes": (1,), "steps": (1,)}),
    ("tensor.slice", "C2"): ([_t(4)], {"starts": (0,), "sizes": (1,), "steps": (0,)}),
    ("tensor.slice", "C3"): ([_t(4)], {"starts": (1,), "sizes": (3,), "steps": (-1,)}),
    ("tensor.insert_slice", "C1"): ([_t(4), _t(2, 2)], {"starts": (0,), "steps": (1,)}),
    ("tensor.insert_slice", "C2"): ([_t(4), _t(2)], {"starts": (0,), "steps": (0,)}),
    ("tensor.insert_slice", "C3"): ([_t(4), _t(2)], {"starts": (3,), "steps": (1,)}),
    ("tensor.insert_slice", "C4"): ([_t(4), _t(2, dtype=INT)], {"starts": (0,), "steps": (1,)}),
    ("tensor.pad", "C1"): ([_t(4)], {"low": (0, 0), "high": (0,), "interior": (0,)}),
    ("tensor.pad", "C2"): ([_t(4)], {"low": (0,), "high": (-1,), "interior": (0,)}),
    ("tensor.reverse", "C1"): ([_t(4)], {"axes": (1,)}),
    ("tensor.gather", "C1"): ([_t(4), ONE, ONE], {"axes": (0,)}),
    ("tensor.gather", "C2"): ([_t(4), _t(4)], {"axes": (0,)}),
    ("tensor.gather", "C3"): ([_t(4, 4), ONE, _t(3, dtype=INT)], {"axes": (0, 1)}),
    ("tensor.gather", "C4"): ([_t(4, 4), ONE, ONE], {"axes": (0, 0)}),
    ("tensor.contract", "C1"): ([_t(2, 3), _t(3)], {"spec": "ik,kj->ij"}),
    ("tensor.contract", "C2"): ([_t(2, 8), _t(4, 3)], {"spec": "ik,kj->ij"}),
    ("tensor.contract", "C3"): ([_t(2, 3), _t(3, 2, dtype=INT)], {"spec": "ik,kj->ij"}),
    ("tensor.contract", "C4"): ([_t(2, 2), _t(2, 2)], {"spec": "ii,ij->j"}),
    ("ad.contract_no_nan", "C1"): ([_t(2, 3), _t(3)], {"spec": "ik,kj->ij"}),
    ("ad.contract_no_nan", "C2"): ([_t(2, 8), _t(4, 3)], {"spec": "ik,kj->ij"}),
    ("ad.contract_no_nan", "C3"): ([_t(2, 3), _t(3, 2, dtype=INT)], {"spec": "ik,kj->ij"}),
    ("ad.contract_no_nan", "C4"): ([_t(2, 2), _t(2, 2)], {"spec": "ii,ij->j"}),
    ("ad.contract_no_nan", "C5"): ([_t(2, 3, dtype=INT), _t(3, 2, dtype=INT)], {"spec": "ik,kj->ij"}),
    ("tensor.iota", "C1"): ([], {"shape": (2,), "axis": 1, "dtype": np.dtype(FLOAT)}),
    ("tensor.iota", "C2"): ([], {"shape": (2,), "axis": 0, "dtype": np.dtype(FLAG)}),
    ("tensor.polygamma", "C1"): ([_t(2, dtype=COMPLEX)], {"n": 1}),
    ("tensor.polygamma", "C2"): ([_t(2)], {"n": -1}),
    ("tensor.expn", "C1"): ([_t(2, dtype=COMPLEX)], {"n": 1}),
    ("tensor.expn", "C2"): ([_t(2)], {"n": -1}),
    ("linalg.matrix_function", "C1"): ([_t(2)], {"function": "expm"}),
    ("linalg.matrix_function", "C2"): ([_t(2, 2, dtype=INT)], {"function": "expm"}),
    ("linalg.matrix_function", "C3"): ([_t(2, 3)], {"function": "expm"}),
    ("linalg.matrix_function", "C4"): ([_t(2, 2)], {"function": "tanm"}),
    ("linalg.matrix_function_derivative", "C1"): ([_t(2)] * 3, {"function": "expm"}),
    ("linalg.matrix_function_derivative", "C2"): ([_t(2, 2, dtype=INT)] * 3, {"function": "expm"}),
    ("linalg.matrix_function_derivative", "C3"): ([_t(2, 3)] * 3, {"function": "expm"}),
    ("linalg.matrix_function_derivative", "C4"): ([_t(2, 2), _t(0, 2, 2), _t(2, 2)], {"function": "tanm"}),
    ("linalg.matrix_function_derivative", "C5"): ([_t(2, 2), _t(2, 2), _t(2, 2)], {"function": "expm"}),
    ("linalg.matrix_function_derivative", "C6"): (
        [_t(2, 2), _t(0, 2, 2), _t(2, 2, dtype=np.float32)],
        {"function": "expm"},
    ),
    ("linalg.sylvester", "C1"): ([_t(2)] * 3, {}),
    ("linalg.sylvester", "C2"): ([_t(2, 2, dtype=INT)] * 3, {}),
    ("linalg.sylvester", "C3"): ([_t(2, 3), _t(2, 2), _t(2, 2)], {}),
    ("linalg.sylvester", "C4"): ([_t(2, 2), _t(3, 3), _t(3, 2)], {}),
    ("linalg.sylvester", "C5"): ([_t(2, 2), _t(2, 2), _t(2, 2, dtype=np.float32)], {}),
    ("linalg.lyapunov", "C1"): ([_t(2)] * 2, {}),
    ("linalg.lyapunov", "C2"): ([_t(2, 2, dtype=INT)] * 2, {}),
    ("linalg.lyapunov", "C3"): ([_t(2, 3)] * 2, {}),
    ("linalg.lyapunov", "C4"): ([_t(2, 2), _t(3, 3)], {}),
    ("linalg.lyapunov", "C5"): ([_t(2, 2), _t(2, 2, dtype=np.float32)], {}),
    ("linalg.polar", "C1"): ([_t(2)], {}),
    ("linalg.polar", "C2"): ([_t(2, 2, dtype=INT)], {}),
    ("linalg.polar", "C3"): ([_t(2, 3)], {}),
    ("linalg.nuclear_norm", "C1"): ([_t(2)], {}),
    ("linalg.nuclear_norm", "C2"): ([_t(2, 2, dtype=INT)], {}),
    ("linalg.nuclear_norm", "C3"): ([_t(2, 3)], {}),
    ("tensor.convert", "C1"): ([_t(2, dtype=COMPLEX)], {"dtype": np.dtype(FLOAT)}),
}
EXPLICIT |= {
    ("tensor.complex", "C1"): ([_t(2), _t(3)], {}),
    ("tensor.complex", "C2"): ([_t(2), _t(2, dtype=INT)], {}),
    ("tensor.complex", "C3"): ([_t(2, dtype=np.float16)] * 2, {}),
    ("tensor.sort", "C1"): ([_t(2)], {"axis": 1}),
    ("tensor.argsort", "C1"): ([_t(2)], {"axis": -1}),
    ("fft.irfft", "C4"): ([_t(3, dtype=COMPLEX)], {"axis": 0, "size": 6}),
}
for _name in ("fft", "ifft", "rfft", "irfft"):
    _size = {"size": 4} if _name == "irfft" else {}
    EXPLICIT |= {
        (f"fft.{_name}", "C1"): ([_t(3)], {"axis": 1, **_size}),
        (f"fft.{_name}", "C2"): ([_t(3, 0)], {"axis": 1, **_size}),
        (f"fft.{_name}", "C3"): ([_t(3, dtype=np.float16)], {"axis": 0, **_size}),
    }
for _name in ("solve", "det", "slogdet", "cholesky", "qr", "complement", "eigh", "eig", "svd", "pinv", "lu"):
    _cutoff = {"cutoff": 1e-9} if _name == "pinv" else {}
    _more = [_t(3, 1)] if _name == "solve" else []
    EXPLICIT |= {
        (f"linalg.{_name}", "C1"): ([_t(3), *_more], _cutoff),
        (f"linalg.{_name}", "C2"): ([_t(3, 3, dtype=np.float16), *_more], _cutoff),
    }
    if _name not in ("svd", "pinv", "lu"):
        _wrong = _t(2, 3, dtype=COMPLEX if _name == "eig" else FLOAT)
        EXPLICIT[f"linalg.{_name}", "C3"] = ([_wrong, *_more], {})
EXPLICIT |= {
    ("linalg.solve", "C4"): ([_t(3, 3), _t(2, 1)], {}),
    ("linalg.solve", "C5"): ([_t(3, 3), _t(3, 1, dtype=np.float32)], {}),
}
for _name, _kind in (("tensor.scatter_add", FLOAT), ("tensor.scatter", INT)):
    _x = _t(4, dtype=_kind)
    EXPLICIT |= {
        (_name, "C1"): ([_x, _x], {"axes": ()}),
        (_name, "C2"): ([_x, _x, _t(4)], {"axes": (0,)}),
        (_name, "C3"): ([_t(4, 4, dtype=_kind), _x, ONE, _t(3, dtype=INT)], {"axes": (0, 1)}),
        (_name, "C4"): ([_x, _x, ONE], {"axes": (1,)}),
        (_name, "C5"): ([_x, _t(3, dtype=_kind), ONE], {"axes": (0,)}),
        (_name, "C6"): ([_x, _t(4, dtype=np.float32), ONE], {"axes": (0,)}),
        (_name, "C7"): ([*[_t(4, dtype=FLAG if _kind is FLOAT else FLOAT)] * 2, ONE], {"axes": (0,)}),
    }
VIOLATIONS = _violations()


@pytest.mark.parametrize(("name", "label"), VIOLATIONS, ids=lambda part: part)
def test_constraint(name, label):
    types, attributes = VIOLATIONS[name, label]
    graph = Graph("f")
    operands = [graph.add_input(type) for type in types]
    with pytest.raises((ShapeError, DTypeError), match=rf"^{name} \({label}\) "):
        Builder(graph).build(name, *operands, **attributes)


def test_every_documented_label_has_a_violation():
    inherited = {"tensor.gather": 4, "tensor.scatter_add": 4, "tensor.scatter": 4, "tensor.insert_slice": 3}
    for name, definition in registered().items():
        labels = {f"C{n}" for n in range(1, 9) if f"(C{n})" in definition.doc}
        labels |= {f"C{n}" for n in range(1, inherited.get(name, 0) + 1)}
        assert labels == {label for op, label in VIOLATIONS if op == name}, name


def test_contract_names_the_label_and_both_sizes():
    with pytest.raises(ConstraintError, match="dim k is 8 in operand 0 and 4 in operand 1"):
        lookup("tensor.contract").infer([_t(2, 8), _t(4, 3)], {"spec": "ik,kj->ij"})


MALFORMED_SPECS = ["", "ij", "ij->ij", "i,j,k->i", "i,j", "i,j->ii", "i,j->k", "i.,j->i", "é,j->j", "i j,j->i"]


@pytest.mark.parametrize("spec", MALFORMED_SPECS)
def test_c4_of_contract_refuses_malformed_specs(spec):
    with pytest.raises(ConstraintError, match=r"\(C4\)"):
        lookup("tensor.contract").infer([_t(2), _t(2)], {"spec": spec})
