"""What follows pages notices what is wrong with them."""

from __future__ import annotations

import pytest

from tests.support.pages import Step, commands, correct, follow, same

PAGE = """# A page

```python title="two.py"
print(1 + 1)
```

```console
$ python two.py
3
$ ls
two.py
```
"""


def test_files_are_saved_and_commands_run_in_order(tmp_path):
    """A command sees what was saved above it."""
    steps = [Step("python two.py", "3\n"), Step("ls", "two.py\n")]
    assert commands(PAGE) == steps
    assert list(follow(PAGE, tmp_path)) == [(steps[0], "2\n"), (steps[1], "two.py\n")]


def test_a_wrong_output_is_put_right_and_a_right_one_stays():
    """What is left out of an output stays left out, and so do commands that were not run."""
    page = PAGE.replace("ls\ntwo.py\n", "ls\n...\n") + "```console\n$ pwd\n/\n```\n"
    printed = {"python two.py": "2\n", "ls": "two.py\n"}
    assert correct(page, printed) == page.replace("3\n", "2\n")


@pytest.mark.parametrize(
    ("wanted", "got", "is_same"),
    [
        ("a  b\n-----\n", "a b\n---\n", True),
        ("1 of ...\n", "1 of 2\n", True),
        ("1 of 2\n", "1 of 3\n", False),
        ("", "1\n", False),
    ],
)
def test_outputs_are_compared_but_for_blanks_and_rules(wanted, got, is_same):
    """Columns are as wide as the names of folders."""
    assert same(wanted, got) is is_same


@pytest.mark.parametrize("command", ["etl query", "false", "etl nope"])
def test_a_command_that_fails_fails_the_page(command, tmp_path):
    """No output makes up for it."""
    with pytest.raises(AssertionError, match=command):
        list(follow(f"```console\n$ {command}\n...\n```\n", tmp_path))


def test_a_block_that_nobody_saves_is_refused(tmp_path):
    """A reader would not know what to do with it."""
    with pytest.raises(AssertionError, match="nobody saves"):
        list(follow("```python\nprint(1)\n```\n", tmp_path))


def test_what_the_machine_has_configured_plays_no_part(tmp_path, monkeypatch):
    """A contact of the developer's would have services asked, a store of theirs would be written."""
    monkeypatch.setenv("ETL_CONTACT", "me@example.org")
    monkeypatch.setenv("ETL_DB", str(tmp_path / "mine.duckdb"))
    ((_, shown),) = follow("```console\n$ etl config show --json\n```\n", tmp_path)
    assert "example.org" not in shown
    assert "mine.duckdb" not in shown
