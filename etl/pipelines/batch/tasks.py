"""Find the tasks of a job, and the stages that they come to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from etl.audio.short_sounds import SOUND_VERSION
from etl.batch.name_categories import CATEGORY_VERSION
from etl.batch.sound_categories import SOUND_CATEGORY_VERSION
from etl.batch.task import ANSWER, EXAMPLES, LOCAL_SQL, PROMPT, Task, read_task
from etl.pipelines.batch.request import CATEGORY, LOCAL, Engine, Kind
from etl.runtime.errors import EtlError, ExitCode
from etl.runtime.resources import resource
from etl.store.batch_jobs import BatchStage

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_BYTES: Final = 1 << 20
_TAKEN: Final = (LOCAL, "find")  # stages of every job
PARAMETERS: Final = {"temperature": 0}
"""What else an answer depends on."""


def shipped_tasks() -> dict[str, Path]:
    """Give the tasks that come with the package, by name."""
    return {
        path.name: path for path in sorted(resource("batch/tasks").iterdir()) if (path / PROMPT).is_file()
    }


def load_tasks(names: Sequence[str]) -> list[Task]:
    """Read tasks; ``local`` is none.

    Raises
    ------
    EtlError
        If there is no such task, two have one name, or one is not as it should be.
    """
    tasks = [load_task(name) for name in names if name != LOCAL]
    if any(task.name in _TAKEN for task in tasks):
        raise EtlError(
            f"a task cannot be called {' or '.join(_TAKEN)}.", "Rename its folder.", exit_code=ExitCode.USAGE
        )
    for number, task in enumerate(tasks):
        if task.name in {other.name for other in tasks[:number]}:
            raise EtlError(f"the task `{task.name}` is named twice.", exit_code=ExitCode.USAGE)
    return tasks


def load_task(name: str) -> Task:
    """Read a task: the name of a shipped one, or the path of a folder.

    Raises
    ------
    EtlError
        If there is none, or it is not as it should be.
    """
    shipped = shipped_tasks()
    folder = shipped.get(name, Path(name))
    if not folder.is_dir():
        raise EtlError(
            f"there is no task `{name}`.",
            f"Choose one of {LOCAL}, {', '.join(shipped)}, or give a folder with {PROMPT} and {ANSWER}.",
            exit_code=ExitCode.USAGE,
        )
    texts = {}
    for part in (PROMPT, ANSWER, EXAMPLES, LOCAL_SQL):
        path = folder / part
        if not path.is_file():
            continue
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise EtlError(f"{path} is too long for a task.", exit_code=ExitCode.BAD_DATA)
            texts[part] = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise EtlError(f"cannot read {path}: {error}", exit_code=ExitCode.BAD_DATA) from error
    return read_task(folder.resolve().name, texts)


def stages_of(tasks: Sequence[Task], kind: Kind, engine: Engine, model: str | None) -> list[BatchStage]:
    """Give the stages of a job: local ones first, then the model's in the order of the tasks.

    What a task may see of earlier answers is part of its version.
    """
    local = [BatchStage(LOCAL, Engine.LOCAL, str(SOUND_VERSION))] if kind is Kind.FILES else []
    if kind is Kind.FILES or any(task.name == CATEGORY for task in tasks):
        version = f"local.{CATEGORY_VERSION}.{SOUND_CATEGORY_VERSION}"
        local.append(BatchStage(CATEGORY, Engine.LOCAL, version))
    local += [
        BatchStage(task.name, Engine.LOCAL, f"local.{task.local_version}") for task in tasks if task.local_sql
    ]
    asked: list[BatchStage] = []
    if engine is Engine.MODEL and model is not None:
        for number, task in enumerate(tasks):
            seen = [
                stage.version
                for stage, other in zip(asked, tasks[:number], strict=True)
                if set(other.answer.fields) & set(task.inputs)
            ]
            parameters = {**PARAMETERS, **({"after": seen} if seen else {})}
            asked.append(BatchStage(task.name, Engine.MODEL, task.version(model, parameters)))
    return [*local, *asked]
