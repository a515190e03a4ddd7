"""Show how a function's gradient is made, pass by pass, with the user's lines.

  mixad explain model.py:loss --args "f32[3,4], f64[]"

Values keep their names from step to step, so that what is marked as new is new.
"""

from __future__ import annotations

import argparse
import collections
import difflib
import inspect
import io
import itertools
import linecache
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..ir import Graph, Module, print_module
from ..passes import Instrument, Pass, PassManager, PassRecord
from ..passes.scope import worked_on
from ..runtime.backend import backend_named
from .functions import add_function_arguments, program_of

NAME = "explain"

_LOCATION = re.compile(r' loc\("((?:[^"\\]|\\.)*)":(\d+)(?: "(?:[^"\\]|\\.)*"(?: "((?:[^"\\]|\\.)*)" (\d+))?)?\)$')
_ARGUMENT_LOCATION = re.compile(r' loc\("(?:[^"\\]|\\.)*":\d+(?: "(?:[^"\\]|\\.)*"){0,2}(?: \d+)?\)')
#: Unchanged lines that are shown around changed ones.
_CONTEXT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_function_arguments(parser)
    parser.add_argument("--order", type=int, default=1, metavar="N", help="how often to differentiate; 1 if left out")
    parser.add_argument("--pipeline", help="passes to run; those of the NumPy backend if left out")
    parser.add_argument("--width", type=int, help="columns; the terminal's if left out")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw it as a picture, and print nothing")


def run(arguments: argparse.Namespace) -> int:
    """Trace, run the passes, tell."""
    from rich.console import Console

    module = program_of(arguments, arguments.order)
    piped = not sys.stdout.isatty()
    drawn = arguments.svg is not None
    console = Console(
        file=io.StringIO() if drawn else sys.stdout,
        highlight=False,
        width=arguments.width or (140 if drawn else 200 if piped else None),
        soft_wrap=piped and not arguments.width and not drawn,
        record=drawn,
    )
    explainer = Explainer(console)
    explainer.begin(module, arguments.function)
    pipeline = arguments.pipeline or backend_named("numpy").pipeline
    PassManager(pipeline, [explainer]).run(module)
    explainer.end(module)
    if drawn:
        text = console.export_svg(title=f"mixad explain {arguments.function}")
        # The picture shall ask no server for its font.
        arguments.svg.write_text(re.sub(r"@font-face \{.*?\}", "", text, flags=re.DOTALL), encoding="utf-8")
    return 0


class Explainer(Instrument):
    """Tells what each pass changed, on a console."""

    def __init__(self, console: Any) -> None:
        self.console = console
        self._fresh = itertools.count()
        self._step = 0
        self._running: list[str] = []
        #: How many steps had been told when each running pass began.
        self._started: list[int] = []
        #: The last text of the module (None) and of functions that inner passes worked on.
        self._last: dict[Graph | None, list[Line]] = {}

    def begin(self, module: Module, what: str) -> None:
        """Show the traced program."""
        self._say(f"[bold]The program of {_safe(what)}, as it was traced[/bold]")
        lines = self._lines(module)
        self._last[None] = lines
        self._show((" ", line) for line in lines)

    def end(self, module: Module) -> None:
        """Say what was made."""
        operations = [op for graph in module for op in graph]
        derived = sum(op.location.order > 0 for op in operations)
        self._say(f"\n[bold]What is left[/bold]: {_count(len(operations), 'operation')}, {derived} of them derived.")
        self._show((" ", line) for line in self._lines(module))

    def before_pass(self, run: Pass, module: Module, depth: int) -> None:
        """Remember what the pass is given."""
        self._running.append(run.name)
        self._started.append(self._step)
        view, key = self._view(run, module, depth)
        if key not in self._last:
            self._last[key] = self._lines(view)

    def after_pass(self, run: Pass, module: Module, record: PassRecord) -> None:
        """Tell what the pass changed."""
        around = [name for name in self._running[:-1] if name != "fixpoint"]
        self._running.pop()
        inner_steps = self._step - self._started.pop()
        view, key = self._view(run, module, record.depth)
        if not record.changed or run.name == "fixpoint":
            return
        before, after = self._last[key], self._lines(view)
        self._last[key] = after
        if [line.text for line in before] == [line.text for line in after]:
            return
        self._step += 1
        function = getattr(run, "function", "")
        title = record.text.replace(f",function={function}", "").replace(f"{{function={function}}}", "")
        where = f" of @{function}" if function else ""
        inside = f" [dim](inside {', '.join(around)})[/dim]" if around else ""
        self._say(f"\n[bold]{self._step}. {_safe(title + where)}[/bold]{inside}")
        self._say(f"  {_safe(_why(run))}")
        self._say(f"  [italic]{_safe(_what(before, after, record))}[/italic]")
        if inner_steps:
            self._say("  How: by the steps above.")
        else:
            self._show(_difference(before, after))

    def _show(self, lines: Iterable[tuple[str, Line]]) -> None:
        """Print marked lines; the user's line is quoted where it is another than above."""
        quoted = ("", 0)
        for mark, line in lines:
            style = {"-": "red", "+": "green"}.get(mark)
            text = _safe(line.text)
            shown = f"[{style}]{text}[/{style}]" if style else text
            if mark != "-" and line.known:
                place = line.place((line.file, line.line) != quoted)
                quoted = line.file, line.line
                shown += f"  [dim]// {_safe(place)}[/dim]"
            self._say(f"  {mark} {shown}")

    def _view(self, run: Pass, module: Module, depth: int) -> tuple[Module, Graph | None]:
        view = worked_on(run, module, depth)
        return view, None if view is module else view.entry

    def _lines(self, module: Module) -> list[Line]:
        for graph in module:
            for op in graph:
                for value in op.results:
                    value.name = value.name or f"v{next(self._fresh)}"
            for value in graph.inputs:
                value.name = value.name or f"x{next(self._fresh)}"
        return [Line.read(text) for text in print_module(module, locations=True).splitlines()]

    def _say(self, text: str) -> None:
        self.console.print(text, soft_wrap=self.console.soft_wrap)


class Line:
    """A printed line and the user's line that it comes from."""

    def __init__(self, text: str, file: str = "", line: int = 0, origin: str = "", order: int = 0) -> None:
        self.text = text
        self.file = file
        self.line = line
        self.origin = origin
        self.order = order

    @classmethod
    def read(cls, text: str) -> Line:
        """A line of a program that was printed with locations."""
        match = _LOCATION.search(text)
        if match is None:
            return cls(_ARGUMENT_LOCATION.sub("", text))
        file, line, origin, order = match.groups()
        return cls(text[: match.start()], file.replace("\\\\", "\\"), int(line), origin or "", int(order or 0))

    @property
    def operation(self) -> str:
        """The operation's name, where the line is one."""
        match = re.match(r"\s+(?:%\S+ = )?([a-z]+\.\w+)", self.text)
        return match[1] if match else ""

    @property
    def known(self) -> bool:
        """Whether the operation comes from a file that a person wrote."""
        return bool(self.file) and not self.file.startswith("<frozen ")

    def place(self, quote: bool) -> str:
        """The user's line, quoted if wanted, and what the operation was derived from."""
        source = linecache.getline(self.file, self.line).strip() if quote else ""
        derived = f", derivative of {self.origin}" if self.order else ""
        derived += f", order {self.order}" if self.order > 1 else ""
        return f"line {self.line}{derived}" + (f": {source}" if source else "")


def _why(run: Pass) -> str:
    """The first paragraph of the pass's documentation."""
    return " ".join(inspect.cleandoc(type(run).__doc__ or "").split("\n\n")[0].split()).replace("`", "")


def _what(before: Sequence[Line], after: Sequence[Line], record: PassRecord) -> str:
    """What was added and removed, in words."""
    old = collections.Counter(line.operation for line in before if line.operation)
    new = collections.Counter(line.operation for line in after if line.operation)
    parts = [
        f"{verb} {', '.join(name if count == 1 else f'{count} x {name}' for name, count in found.items())}"
        for verb, found in (("adds", new - old), ("removes", old - new))
        if found
    ]
    parts.append(f"{_count(old.total(), 'operation')} before, {new.total()} after")
    parts += [f"{name.replace('-', ' ')}: {count}" for name, count in record.statistics.items()]
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "."


def _difference(before: Sequence[Line], after: Sequence[Line]) -> Iterator[tuple[str, Line]]:
    """Lines with their marks, ``-``, ``+`` or a space."""
    matcher = difflib.SequenceMatcher(None, [x.text for x in before], [x.text for x in after], autojunk=False)
    for number, group in enumerate(matcher.get_grouped_opcodes(_CONTEXT)):
        if number:
            yield " ", Line("    ...")
        for tag, start, end, new_start, new_end in group:
            if tag == "equal":
                yield from ((" ", line) for line in after[new_start:new_end])
            else:
                yield from (("-", line) for line in before[start:end])
                yield from (("+", line) for line in after[new_start:new_end])


def _safe(text: str) -> str:
    """Text without rich's markup."""
    from rich.markup import escape

    return escape(text)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
