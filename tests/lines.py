"""Lines of code on each floor and in the tests: `python -m tests.lines`. Fewer is the direction."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]


def counted(folder: Path, pattern: str = "**/*.py") -> tuple[int, int]:
    """Modules and lines of a folder."""
    files = [path for path in folder.glob(pattern) if path.is_file()]
    return len(files), sum(len(path.read_bytes().splitlines()) for path in files)


def main() -> None:
    """Print a row per floor, and what both sides sum up to."""
    package, tests = ROOT / "fhir_remission", ROOT / "tests"
    rows = [(one.name, counted(one)) for one in sorted(package.iterdir()) if one.is_dir()]
    rows = [(name, found) for name, found in rows if found[0]]
    rows.append(("beside the floors", counted(package, "*.py")))
    rows += [("the product", counted(package)), ("tests", counted(tests))]
    for name, (modules, lines) in rows:
        print(f"lines {name:18} {lines:6} in {modules:3} modules")


if __name__ == "__main__":
    main()
