"""A plain PyTorch training step, as a contender of `bin/benchmark.py train`.

    peers/.pytorch/bin/python peers/pytorch_step.py JSON

`torch.nn.Transformer` with one embedding for source, target and output, as
anyone would write it; bfloat16 by autocast.
"""

import contextlib
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "shared_transformer_tf" / "benchmark"))

import contender  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402


class Translation(torch.nn.Module):
    """Embeddings, two stacks, tied output projection."""

    def __init__(self, sizes: dict, length: int):
        super().__init__()
        width = sizes["hidden_dim"]
        self.embedding = torch.nn.Embedding(sizes["vocabulary_size"], width)
        torch.nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.stacks = torch.nn.Transformer(
            width,
            sizes["num_heads"],
            sizes["num_layers"],
            sizes["num_layers"],
            sizes["intermediate_dim"],
            sizes["dropout"],
            batch_first=True,
            norm_first=True,
        )
        self.stacks.encoder.use_nested_tensor = False
        # the same places drop as in the others: residual branches alone
        for module in self.stacks.modules():
            if isinstance(module, torch.nn.MultiheadAttention):
                module.dropout = 0.0
            if isinstance(
                module,
                (
                    torch.nn.TransformerEncoderLayer,
                    torch.nn.TransformerDecoderLayer,
                ),
            ):
                module.dropout = torch.nn.Identity()
        angles = np.arange(length)[:, None] / 10000 ** (
            np.arange(0, width, 2) / width
        )
        table = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
        self.register_buffer("positions", torch.tensor(table).float())
        self.register_buffer(
            "causal",
            torch.nn.Transformer.generate_square_subsequent_mask(length),
        )
        self.dropout = torch.nn.Dropout(sizes["dropout"])
        self.scale = width**0.5

    def embed(self, ids):
        """Tokens and positions, dropped."""
        return self.dropout(self.embedding(ids) * self.scale + self.positions)

    def forward(self, source, target_in):
        """Logits (batch, target, vocabulary)."""
        hidden = self.stacks(
            self.embed(source), self.embed(target_in), tgt_mask=self.causal
        )
        return hidden @ self.embedding.weight.T


def main(settings: dict) -> None:
    """Serves steps of a PyTorch model of the same size."""
    torch.manual_seed(1)
    torch.set_num_threads(settings["threads"])
    model = Translation(settings["model"], settings["length"])
    optimizer = torch.optim.Adam(
        model.parameters(), 1e-3, betas=(0.9, 0.98), eps=1e-9
    )
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    rng = np.random.default_rng(0)
    words = settings["model"]["vocabulary_size"]
    shape = settings["rows"], settings["length"]
    source, target = (
        torch.tensor(rng.integers(4, words, shape)) for _ in range(2)
    )
    half = settings.get("precision") == "bfloat16"

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with (
            torch.autocast("cpu", torch.bfloat16)
            if half
            else contextlib.nullcontext()
        ):
            logits = model(source, target)
            loss = criterion(logits.flatten(0, 1), target.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        loss.item()

    contender.serve(
        step,
        version=f"torch {torch.__version__}",
        weights=sum(w.numel() for w in model.parameters()),
    )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
