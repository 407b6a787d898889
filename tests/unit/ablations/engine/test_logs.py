"""What trainings log to: Lightning's loggers by name."""

import csv

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
