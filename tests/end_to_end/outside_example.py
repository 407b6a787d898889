"""A reward model trained by a plain Lightning trainer, with tokenizer and backbone from scratch."""

import argparse

import lightning
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForTokenClassification, PreTrainedTokenizerFast

from lightning_modules.encoding import Example
from lightning_modules.packing import cost_of
from lightning_modules.reward_data import RewardData
from lightning_modules.reward_model import RewardModel
from lightning_modules.row_choice import choose_rows

if __name__ == "__main__":  # several devices start this script once more each
    parser = argparse.ArgumentParser()
    parser.add_argument("--devices", type=int, default=1)
    devices = parser.parse_args().devices

    lightning.seed_everything(0)
    alphabet = {token: index for index, token in enumerate("0123456789+-*=#\n ?")}
    characters = Tokenizer(models.WordLevel(alphabet, unk_token="?"))
    characters.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=characters, pad_token=" ", unk_token="?")
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    backbone = LlamaForTokenClassification(LlamaConfig(vocab_size=len(tokenizer), num_labels=2, **sizes))

    solutions = [
        Example(prompt="2+3*4\n", steps=("3*4=12", "2+12=14", "#14"), step_targets=(1, 1, 1)),
        Example(prompt="2+3*4\n", steps=("2+3=5", "5*4=20", "#20"), step_targets=(0, -100, -100)),
    ]
    rows, cost = choose_rows(backbone), cost_of(backbone)  # how solutions are laid out
    data = RewardData(solutions, tokenizer, batch_size=2, epochs=20, rows=rows, cost=cost)
    model = RewardModel(backbone, learning_rate=1e-2)
    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", devices=devices, logger=False, enable_checkpointing=False
    )
    trainer.fit(model, data)
    if trainer.is_global_zero:
        print(f"loss {trainer.callback_metrics['train_loss']:.6f} with {devices} devices")
