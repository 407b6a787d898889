"""What trainings log to: Lightning's loggers by name."""

import csv
import sys
from types import ModuleType

import pytest
from lightning.pytorch import loggers
from toy_steps import named

from ablations.commands import cli
from ablations.commands.arguments import check_logger
from ablations.engine.logs import DEFAULT_KIND, Logs


def test_a_training_has_a_place_of_its_own(tmp_path):
    task = named("train")(label="train a/b x4 seed 0")
    logs = Logs(kind="CSVLogger", folder=tmp_path).of(task.label, task.key)
    logger = logs.logger()
    logger.log_metrics({"loss": 0.5}, step=3)
    logger.save()
    (file,) = tmp_path.rglob("metrics.csv")
    assert file.parent == tmp_path / "train a b x4 seed 0" / task.key
    assert list(csv.DictReader(file.read_text().splitlines())) == [{"loss": "0.5", "step": "3"}]


def test_none_is_no_logger():
    assert Logs().logger() is None and Logs(kind="none").logger() is None


def test_an_unknown_logger_is_refused(tmp_path, capsys):
    words = ["run", "supervision", "--scale=smoke", "--logger=Diary", f"--store={tmp_path / 's'}"]
    assert cli.main([*words, f"--out={tmp_path / 'o'}"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("ablations: logger: found 'Diary'; allowed: none, CSVLogger, CometLog")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("name", ["TensorBoardLogger", "CSVLogger", "WandbLogger", "MLFlowLogger", "none"])
def test_the_names_are_lightnings(name):
    check_logger(name)


def test_the_usual_one_is_lightnings():
    assert DEFAULT_KIND in loggers.__all__


def test_the_base_class_is_no_logger():
    with pytest.raises(ValueError, match="found 'Logger'"):
        check_logger("Logger")


class FakeTrackio(ModuleType):
    """Trackio, as far as it is used."""

    def __init__(self) -> None:
        super().__init__("trackio")
        self.runs: list[dict[str, object]] = []
        self.logged: list[tuple[dict[str, float], int | None]] = []
        self.finished = 0

    def init(self, **options: object) -> "FakeTrackio":
        self.runs.append(options)
        return self

    def log(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.logged.append((metrics, step))

    def finish(self) -> None:
        self.finished += 1


def test_trackio_continues_the_run_of_a_training(monkeypatch):
    trackio = FakeTrackio()
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    for step in (3, 6):
        logger = Logs(kind="TrackioLogger", title="train a", key="f00").logger()
        logger.log_hyperparams({"rate": 0.1})
        logger.log_metrics({"loss": 0.5}, step=step)
        logger.finalize("success")
    run = {"project": "ablations", "name": "train a f00", "config": {"rate": 0.1}, "resume": "allow"}
    assert trackio.runs == [run | {"embed": False}] * 2
    assert trackio.logged == [({"loss": 0.5}, 3), ({"loss": 0.5}, 6)]
    assert trackio.finished == 2


def test_without_trackio_the_logger_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "trackio", None)
    check_logger("TrackioLogger")
    with pytest.raises(ValueError, match="found TrackioLogger without trackio"):
        Logs(kind="TrackioLogger", title="train a", key="f00").logger()
