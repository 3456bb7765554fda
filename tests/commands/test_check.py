"""Run `chainrule check MODULE:FUNCTION`: its text, its JSON, its figure, and one line for each error."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import chainrule as cr
from chainrule.checks import FLAT_LAYOUTS, LAYOUTS, ORDERS, SCALES
from chainrule.cli import main

MODULE = '''
import torch
from torch import nn

print("hello from the module")


class Net(nn.Module):
    """Depend on the pixel to the left or, with a shift of -1, to the right."""

    def __init__(self, shift):
        super().__init__()
        self.shift, self.conv = shift, nn.Conv2d(1, 3, 1)

    def forward(self, x):
        return self.conv(nn.functional.pad(x, (self.shift, -self.shift)))


with torch.random.fork_rng():
    torch.manual_seed(0)
    left, right = Net(1), Net(-1)
number = 3
by_method = right.forward
held = nn.Module()
held.nets = nn.ModuleList([left, right])
rows = nn.Sequential(nn.Linear(6, 6, bias=False), nn.Unflatten(1, (6, 1)))


class Stays(nn.Parameter):
    """Refuse to replace its values."""

    @property
    def data(self):
        raise RuntimeError("not this one")


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = Stays(torch.ones(1))

    def forward(self, x):
        return x * self.weight


odd = Odd()


def raises(x):
    raise RuntimeError("two\\nlines")


def factory():
    return Net(1)
'''

LEFT = "mine_for_check:left --shape 1,2,3 --levels 3 --layout n,kc,h,w"
RIGHT = LEFT.replace(":left", ":right")


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    """Run `chainrule check` in a folder with a module; return its status, output and error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_for_check.py").write_text(MODULE)
    (tmp_path / "broken_for_check.py").write_text("import sys\nsys.exit('usage: no')\n")
    (tmp_path / "odd_for_check.py").write_text("left = 1\nif left\n")
    monkeypatch.delitem(sys.modules, "mine_for_check", raising=False)
    path = list(sys.path)

    def run(line: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(["check", *line.split()])
        said = capsys.readouterr()
        assert sys.path == path
        return status, said.out, said.err

    return run


def test_a_leak_is_reported_with_status_1(check):
    status, out, err = check(RIGHT)
    assert status == 1
    assert err == ""
    assert out.startswith("hello from the module\nmine_for_check:right leaks: 4 of its 6 outputs")
    assert "the output of row 0, column 0 depends on row 0, column 1\n" in out
    assert "(4 pairs)" in out
    assert "4 at (0, +1)" in out


def test_status_0_without_a_leak(check):
    status, out, _ = check(LEFT)
    assert status == 0
    assert "mine_for_check:left does not leak" in out
    assert check(f"{RIGHT} --order reverse")[0] == 0
    assert check(f"{RIGHT} --order 2,1,0,5,4,3")[0] == 0
    assert check(f"{LEFT} --order 2,1,0,5,4,3 --scale signed --seed 3")[0] == 1


def test_only_json_is_printed_on_standard_output(check):
    status, out, err = check(f"{RIGHT} --json")
    assert status == 1
    found = json.loads(out)
    assert found["leaks"] == [[0, 1], [1, 2], [3, 4], [4, 5]]
    assert found["name"] == "mine_for_check:right"
    assert err == "hello from the module\n"


def test_a_figure_is_written_and_never_overwritten(check, tmp_path):
    assert check(f"{RIGHT} --out leaks.png")[0] == 1
    with Image.open(tmp_path / "leaks.png") as picture:
        assert picture.size[0] == 1400
    before = (tmp_path / "leaks.png").read_bytes()
    status, out, err = check(f"{RIGHT} --out leaks.png")
    assert (status, out) == (2, "")
    assert "leaks.png exists and would be overwritten" in err
    assert (tmp_path / "leaks.png").read_bytes() == before


def test_a_bound_method_is_checked_as_its_module(check):
    status, out, _ = check(RIGHT.replace(":right", ":by_method"))
    assert status == 1
    assert "mine_for_check:by_method leaks: 4 of its 6 outputs" in out
    assert "6 with perturbed weights" in out


def test_a_name_may_have_dots(check):
    status, out, _ = check(RIGHT.replace(":right", ":held.nets.1"))
    assert status == 1
    assert "mine_for_check:held.nets.1 leaks: 4 of its 6 outputs" in out


def test_rows_and_outputs_that_are_no_logits(check, tmp_path):
    line = "mine_for_check:rows --shape 6 --levels 4 --layout n,d,k --outputs-per-site 1 --out rows.png"
    status, out, _ = check(line)
    assert status == 1
    assert "the output of site 0 depends on site 0\n  pairs by sites further on: 6 at 0, 5 at +1, 4 at +2" in out
    assert (tmp_path / "rows.png").stat().st_size > 0


OPTIONS = "--shape 1,2,3 --levels 3 --layout n,kc,h,w"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mine_for_check:left", "mine_for_check:left needs --shape, --levels, --layout; chainrule check --help"),
        ("mine_for_check:left --shape 1,2,3 --layout n,kc,h,w", "needs --levels;"),
        (f"{LEFT} --device cpu", "--device is only for a RUN"),
        (f"{LEFT} --shape 1,2,x", "--shape must be whole numbers separated by commas, not '1,2,x'"),
        (f"{LEFT} --shape 2,3", "shape must be an image's (channels, height, width)"),
        (f"{LEFT} --layout nchw", "layout must be one of 'n,kc,h,w'"),
        (f"{LEFT} --layout n,c,h,w", "Net returns [32, 3, 2, 3], but layout 'n,c,h,w'"),
        (
            f"{LEFT} --outputs-per-site 5",
            "Net returns [32, 3, 2, 3], but layout 'n,kc,h,w' of shape [1, 2, 3] with 5 outputs",
        ),
        (f"{LEFT} --outputs-per-site 0", "outputs_per_site must be at least 1, not 0"),
        ("mine_for_check:left --shape 6 --levels 3 --layout n,kc,h,w", "layout must be one of 'n,kd'"),
        (
            f"mine_for_check:odd {OPTIONS}",
            "mine_for_check:odd cannot be checked: RuntimeError: not this one (mine_for_check.py, line 34); give",
        ),
        (f"{LEFT} --scale other", "scale must be one of"),
        (f"{LEFT} --order other", "order must be one of 'raster'"),
        (f"{LEFT} --order 0,0,1,2,3,4", "an order must name each site"),
        (f"{LEFT} --order 1,2,3", "names 3 sites, and the domain has 6 (1·2·3); give a permutation of 0 … 5"),
        (f"{LEFT} --levels many", "--levels must be a whole number, not 'many'"),
        (f"{LEFT} --out leaks.txt", "leaks.txt has no known figure format"),
        (f"mine_for_check:nothing {OPTIONS}", "mine_for_check.py has no 'nothing'"),
        (f"mine_for_check:number {OPTIONS}", "of type int; it must be callable"),
        (f"mine_for_check:Net {OPTIONS}", "is a class; make one in the module, such as `net = Net(...)`"),
        (f"mine_for_check:factory {OPTIONS}", "factory raised TypeError: factory() takes 0 positional arguments"),
        (
            f"mine_for_check:raises {OPTIONS}",
            "RuntimeError: two lines (mine_for_check.py, line 50); its input was images [n, 1, 2, 3] of scale 'unit', "
            "float32 on cpu",
        ),
        (f"{LEFT} --outputs-per-site 1", "are shape and levels right? (the output has 3 times as many elements)"),
        ("mine_for_check:rows --shape 6 --levels 2 --layout n,kd", "no layout matches: are shape and levels right?"),
        (f"mine_for_check:held.none {OPTIONS}", "mine_for_check.py has no 'held.none'"),
        (f"mine_for_check.py:left {OPTIONS}", "cannot be imported: ModuleNotFoundError"),
        (
            f"no_such_module:left {OPTIONS}",
            "No module named 'no_such_module'; give a module of this folder, by its name",
        ),
        (
            f"broken_for_check:left {OPTIONS}",
            "broken_for_check cannot be imported: SystemExit: usage: no (broken_for_check.py, line 2); mend that",
        ),
        (f"odd_for_check:left {OPTIONS}", "(odd_for_check.py, line 2); mend that"),
        (f":left {OPTIONS}", "cannot be imported: ValueError"),
        (f". {OPTIONS}", "--shape, --levels, --layout: only for MODULE:FUNCTION, but . is the folder of a run"),
        (". --out leaks.png", "--out: only for MODULE:FUNCTION"),
        ("model", "there is no folder 'model'; give the folder of a run, or MODULE:FUNCTION, such as model:net"),
        (
            f"mine_for_check.py {OPTIONS}",
            "there is no folder 'mine_for_check.py'; give the folder of a run, or MODULE:FUNCTION",
        ),
        ("x" * 300, "give the folder of a run, or MODULE:FUNCTION"),
        ("", "RUN must be given"),
    ],
)
def test_bad_input_is_one_line_with_status_2(line, message, check):
    status, out, err = check(line)
    assert status == 2
    assert "leak" not in out
    assert len(err.splitlines()) == 1
    assert message in err


def test_a_folder_with_a_colon_is_a_run(check, tmp_path):
    cr.save(cr.MADE(cr.Binary((3,)), hidden=(4,)), tmp_path / "mine_for_check:left")
    status, out, _ = check("mine_for_check:left")
    assert status == 0
    assert "1 no leak" in out
    assert check("mine_for_check:left --shape 1,1,3")[0] == 2
    assert check("mine_for_check:left --device cpu --json")[0] == 0


def test_the_help_imports_no_torch_and_names_every_choice():
    code = (
        "import sys; from chainrule.cli import main; main(['check', '--help']); "
        "print(sorted({'torch', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "COLUMNS": "500"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.endswith("\n[]\n")
    words = {word.strip(",.;()") for word in done.stdout.split()}
    assert words >= {*LAYOUTS, *FLAT_LAYOUTS, *SCALES, *ORDERS}


def test_the_page_shows_what_the_command_prints(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "check.md").read_text(encoding="utf-8")
    program = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    command = re.findall(r"^\$ chainrule (.*) --out leaks.png$", page, re.MULTILINE)[0].split()
    mended = program.replace("k // 2 + 1 + (kind", "k // 2 + (kind")
    assert mended != program
    for number, (text, shown) in enumerate(zip((program, mended), TEXTS.findall(page), strict=True)):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "model.py").write_text(text)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        run = [sys.executable, "-m", "chainrule", *command]
        done = subprocess.run(run, cwd=tmp_path / f"{number}", capture_output=True, text=True, env=environment)
        assert done.returncode == 1 - number
        assert without_sizes(done.stdout) == without_sizes(shown)


TEXTS = re.compile(r"^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)


def without_sizes(text: str) -> list[str]:
    """Return the lines except the size of the changes, whose last digit depends on the machine."""
    return [line for line in text.splitlines() if "the largest change" not in line]
