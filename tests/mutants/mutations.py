"""Every mutant that mutmut makes of a module, as code that replaces a function of a live process.

mutmut's own run writes all mutants of a function beside it and starts a test run for each; here a
mutant is one code object, put into the function that everybody already imported.
"""

from __future__ import annotations

import ast
import difflib
import functools
import importlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, cast

import libcst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import (
    MutationVisitor,
    deep_replace,
)
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import get_ignored_lines


@dataclass(frozen=True)
class Mutant:
    """One changed function. `lines` are those of the changed statement, `diff` what changed."""

    module: str
    function: str
    lines: frozenset[int]
    diff: str
    source: str

    @property
    def name(self) -> str:
        """What tells this mutant from every other, wherever its line moves to."""
        return f"{self.module}.{self.function}\t{self.diff}"

    @contextmanager
    def applied(self) -> Iterator[bool]:
        """With the changed code in the imported function; false if it cannot be defined."""
        module = importlib.import_module(f"fhir_remission.domain.{self.module}")
        function = _function(module, self.function)
        own = _taken(function)
        try:
            changed = _taken(_defined(self.source, module))
        except Exception:  # a default that raises: the import would fail
            yield False
            return
        _put(function, changed)
        try:
            yield True
        finally:
            _put(function, own)


def mutants_of(path: Path) -> Iterator[Mutant]:
    """All mutants of a file, in the order of its lines; two that read the same are one."""
    source = path.read_text(encoding="utf-8")
    tree = MetadataWrapper(libcst.parse_module(source))
    visitor = MutationVisitor(mutation_operators, get_ignored_lines(str(path), source, tree))
    module = tree.visit(visitor)
    places = tree.resolve(PositionProvider)
    names = _names(module)
    statements = _statements(source)
    texts: set[tuple[str, str]] = set()
    told: Counter[str] = Counter()
    for one in visitor.mutations:
        function = one.contained_by_top_level_function
        if function not in names:
            continue
        where = cast(CodeRange, places[one.original_node])
        plain = function.with_changes(decorators=())
        changed = deep_replace(plain, one.original_node, one.mutated_node)
        text = _text(module, cast(libcst.FunctionDef, changed))
        name = names[function]
        if (name, text) in texts or _meaning(text) == _meaning(_text(module, plain)):
            continue
        texts.add((name, text))
        diff = _difference(_text(module, plain), text)
        told[f"{name} {diff}"] += 1
        again = told[f"{name} {diff}"]
        diff += f" ({again})" if again > 1 else ""
        yield Mutant(
            f"{path.parent.name}.{path.stem}", name, _lines_of(statements, where), diff, text
        )


def _names(module: libcst.Module) -> dict[libcst.FunctionDef, str]:
    names = {}
    for node in module.body:
        if isinstance(node, libcst.FunctionDef):
            names[node] = node.name.value
        elif isinstance(node, libcst.ClassDef):
            for inner in node.body.body:
                if isinstance(inner, libcst.FunctionDef):
                    names[inner] = f"{node.name.value}.{inner.name.value}"
    return names


def _statements(source: str) -> list[tuple[int, int]]:
    """First and last line of every statement, of a compound one only its head.

    A function is all its lines: a changed default is read when the module is, and walked by none.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.stmt, ast.match_case)):
            whole = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            body = None if whole else getattr(node, "body", None)
            first = node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno
            end = cast(
                int,
                node.pattern.end_lineno if isinstance(node, ast.match_case) else node.end_lineno,
            )
            found.append((first, max(first, body[0].lineno - 1) if body else end))
    return found


def _lines_of(statements: list[tuple[int, int]], where: CodeRange) -> frozenset[int]:
    """The lines of the smallest statements that the changed node touches."""
    first, last = where.start.line, where.end.line
    around = [(a, b) for a, b in statements if a <= first <= b]
    smallest = min(around, key=lambda one: one[1] - one[0], default=(first, last))
    return frozenset(range(smallest[0], max(smallest[1], last) + 1))


class _Bare(ast.NodeTransformer):
    """Leaves out what changes nothing, so that no mutants are made of it.

    `strict` of a zip: what is zipped is built of one length, and it only guards that. The type of a
    cast: the second argument comes back whatever it is. None as the default of `get`: it is one.
    None for False: no type lets it stand there, and nobody tells them apart.
    """

    def visit_Call(self, node: ast.Call) -> ast.AST:
        called = node.func.id if isinstance(node.func, ast.Name) else ""
        self.generic_visit(node)
        for one in (*node.args, *node.keywords):
            given = one.value if isinstance(one, ast.keyword) else one
            if isinstance(given, ast.Constant) and given.value is False:
                given.value = None
        if called == "zip":
            node.keywords = [one for one in node.keywords if one.arg != "strict"]
        elif called == "cast":
            node.args[:-1] = []
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            node.args[1:] = [one for one in node.args[1:] if ast.unparse(one) != "None"]
        return node


@functools.lru_cache(maxsize=8)
def _meaning(text: str) -> str:
    return ast.dump(_Bare().visit(ast.parse(text)))


def _text(module: libcst.Module, function: libcst.FunctionDef) -> str:
    return module.code_for_node(function.with_changes(leading_lines=()))


def _difference(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return " / ".join(f"{line[0]} {line[1:].strip()}" for line in changed)


def _defined(source: str, module: ModuleType) -> FunctionType:
    """The function that the text defines, seen from its module; annotations are not evaluated."""
    code = compile(source, module.__file__ or "", "exec", annotations.compiler_flag)
    names: dict[str, Any] = dict(vars(module))
    exec(code, names)
    name = ast.parse(source).body[0].name  # type: ignore[attr-defined]
    return cast(FunctionType, names[name])


def _function(module: ModuleType, name: str) -> FunctionType:
    """The function or method itself, under whatever wraps it."""
    outer, dot, inner = name.partition(".")
    found: Any = vars(vars(module)[outer])[inner] if dot else vars(module)[outer]
    found = getattr(found, "__func__", found)
    return cast(FunctionType, getattr(found, "__wrapped__", found))


def _taken(function: FunctionType) -> tuple[Any, Any, Any]:
    return function.__code__, function.__defaults__, function.__kwdefaults__


def _put(function: FunctionType, what: tuple[Any, Any, Any]) -> None:
    function.__code__, function.__defaults__, function.__kwdefaults__ = what
