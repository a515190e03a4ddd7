"""The programs of MindSpore's guide to gradients, with only their import lines changed, print what it documents.

Digits that the guide rounds are those that MindSpore prints. The sine of 1.0 lies almost in the middle
between two float32 numbers, and NumPy's sine gives one or the other, depending on the processor.
"""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "examples" / "guide"

PRINTED = {
    "input_derivation": "[[4.5099998 2.7       3.6000001]\n [4.5099998 2.7       3.6000001]]",
    "weight_derivation": "(Tensor(shape=[1], dtype=Float32, value= [ 2.15359993e+01]),)",
    "gradient_value_scaling": "[[2.211     0.51      1.4900001]\n [5.588     2.68      4.07     ]]",
    "single_output": "[[0.11 1.1  1.1 ]\n [0.   0.   0.  ]]",
    "stop_gradient": "[[4.5099998 2.7       3.6000001]\n [4.5099998 2.7       3.6000001]]",
    "without_stop_gradient": "[[9.0199995 5.4       7.2000003]\n [9.0199995 5.4       7.2000003]]",
    "second_order_single_output": "[-0.84147096]",
    "second_order_multiple_outputs": "[2. 2. 2.]",
    "second_order_multiple_inputs": "[10.] [8.] [8.] [0.]",
}


def test_every_program_is_run() -> None:
    assert {path.stem for path in GUIDE.glob("*.py")} == set(PRINTED)


@pytest.mark.parametrize("program", PRINTED)
def test_prints(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(GUIDE / f"{program}.py"))
    printed = capsys.readouterr().out
    if program == "second_order_single_output":
        printed = printed.replace("-0.841471]", "-0.84147096]")
    assert printed == PRINTED[program] + "\n"


def test_sens_of_the_matrix_for_the_single_output() -> None:
    """Where the guide leaves the sens of a 2 x 3 output in force, the output is one number."""
    scaled = runpy.run_path(str(GUIDE / "gradient_value_scaling.py"))
    single = runpy.run_path(str(GUIDE / "single_output.py"))
    with pytest.raises(TypeError, match=r"sens is float32\(2, 3\) and the output of @Net is float32\(\)"):
        scaled["GradNetWrtX"](single["Net"]())(single["x"], single["y"])
