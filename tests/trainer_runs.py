"""Small trainings with the Trainers of Hugging Face, which note what the model sees."""

import tempfile
from functools import cache, partial
from operator import itemgetter

import numpy as np
import torch
from datasets import Dataset
from ranks import as_launched
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss as Ranking
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding, Transformer
from shared_training import failing
from torch.nn import functional as F
from transformers import TrainerCallback

from toolkit import RandomWalkBatchSampler
from toolkit.datasets.tokenizers import train_tokenizer
from toolkit.integrations.sentence_transformers import SentenceBatches
from toolkit.models.text_encoders import small_bert

N, BATCH, WIDTH, EPOCHS = 96, 16, 8, 3
STEPS = N // BATCH
WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrs"]


class Noted(RandomWalkBatchSampler):
    """A sampler that notes the batches that it yields."""

    def _note(self, batch):
        super()._note(batch)
        vars(self).setdefault("yielded", []).append(batch.tolist())


def walk(n=N, batch_size=BATCH, **settings):
    return Noted(n, batch_size, n_candidates=20, n_neighbors=4, **{"restart": 0.2, "refresh_every": 2} | settings)


def pairs(n=N, seed=0):
    """Return texts that share words with a few others, and answers to them."""
    draw = np.random.default_rng(seed)
    words = [draw.choice(WORDS, 4, replace=False) for _ in range(n)]
    return Dataset.from_dict({"query": [" ".join(w[:3]) for w in words], "answer": [" ".join(w[1:]) for w in words]})


@cache
def tokenizer():
    return train_tokenizer([" ".join(WORDS)] * 2, 400)


def static_model():
    torch.manual_seed(0)
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer(), embedding_dim=WIDTH)], device="cpu")


def bert_model(dropout=0.0):
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        small_bert(len(tokenizer()), n_layers=1, width=64, dropout=dropout).save_pretrained(folder)
        tokenizer().save_pretrained(folder)
        encoder = Transformer(folder, max_seq_length=12)
    return SentenceTransformer(modules=[encoder, Pooling(64)], device="cpu")


class Watch(TrainerCallback):
    """What the loss is given in training: the row numbers, and the embeddings computed from the weights of then."""

    def __init__(self, model, loss):
        self.model, self.seen, self.rows = model, [], {}
        loss.register_forward_pre_hook(self.see)

    def see(self, loss, args):
        if not torch.is_grad_enabled():
            return
        features, index = args
        weight = next(self.model.parameters()).detach()
        with torch.no_grad():
            sides = [
                F.embedding_bag(column["input_ids"], weight, column["offsets"])
                if "offsets" in column
                else self.model(dict(column))["sentence_embedding"]
                for column in features[:2]
            ]
        self.seen.append(index.tolist())
        both = torch.cat([F.normalize(side, dim=1) for side in sides], 1) / 2**0.5
        self.rows |= {row: (len(self.seen), vector) for row, vector in zip(index.tolist(), both.numpy(), strict=True)}

    @property
    def bank(self):
        return latest(self.rows)


def latest(*of_processes):
    """Return the rows of the bank that processes have seen, by instance."""
    known = sorted(set().union(*of_processes))
    return np.array([max((rows[i] for rows in of_processes if i in rows), key=itemgetter(0))[1] for i in known])


def sentence_trainer(folder, batches=None, *, model=None, make=Ranking, data=None, given=None, **settings):
    """Return a trainer and what watches it; `given` are arguments of the Trainer itself, otherwise those it needs."""
    batches = batches or SentenceBatches(walk())
    model = model or static_model()
    names = [name for name in batches.samplers if name]
    losses = {name: make(model) for name in names or [""]}
    watches = {name: Watch(model, loss) for name, loss in losses.items()}
    for name, loss in losses.items():
        batches.track(loss, name)
    args = SentenceTransformerTrainingArguments(
        folder,
        **{
            "per_device_train_batch_size": BATCH,
            "batch_sampler": batches.batch_sampler,
            "num_train_epochs": EPOCHS,
            "learning_rate": 0.05,
            "report_to": "none",
            "save_strategy": "no",
            "logging_strategy": "no",
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
            "use_cpu": True,
        }
        | settings,
    )
    given = {
        "train_dataset": batches.indexed(pairs()) if data is None else data,
        "loss": losses if names else losses[""],
        "callbacks": [batches],
    } | (given or {})
    return SentenceTransformerTrainer(model, args, **given), (watches if names else watches[""])


def weights(trainer):
    return torch.cat([parameter.detach().ravel() for parameter in trainer.model.parameters()])


def sentence_ranks(folder):
    """Train in several processes, split and not, resume, and return what each has seen."""
    as_launched()
    split = {"accelerator_config": {"split_batches": True}, "dataloader_num_workers": 2}
    saved = split | {"save_strategy": "steps", "save_steps": 8}
    whole = partial(Ranking, gather_across_devices=True)
    runs = {
        "split": (whole, saved, None),
        "resumed": (whole, saved, f"{folder}/checkpoint-8"),
        "each": (Ranking, {"num_train_epochs": 4}, None),
    }
    found = {}
    for name, (make, settings, resumed) in runs.items():
        batches = SentenceBatches(walk())
        planner = batches.samplers[""]
        trainer, watch = sentence_trainer(folder, batches, make=make, **settings)
        trainer.train(resume_from_checkpoint=resumed)
        noted = vars(planner).get("yielded", [])[::2]  # noted when planned, and when shared
        found[name] = {
            "seen": watch.seen,
            "rows": watch.rows,
            "yielded": noted,
            "bank": planner.bank.vectors.numpy(),
            "weights": weights(trainer),
        }
    trainer, _ = sentence_trainer(folder, accelerator_config={"dispatch_batches": True})
    return found | {"dispatch": failing(trainer.train)}
