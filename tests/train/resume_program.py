"""A small training in plain PyTorch: REPOSITORY RUN LAST_STEP; goes on from the run's last checkpoint.

Dropout, shuffling, augmentation by Python's and NumPy's generators, momentum, a schedule and a gradient
scaler: each would make other weights if it were not restored. Prints the digest of the weights.
"""

import random
import sys

import blake3
import numpy as np
import torch

from sapwood.train.policy import Every, Keep
from sapwood.train.sampler import ResumableSampler
from sapwood.train.saver import Saver
from sapwood.train.training_state import TrainingState

BATCH = 8


def main(folder: str, run: str, last: int, every: int) -> str:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)
    inputs = torch.randn(100, 16)
    targets = inputs[:, :4].sin()
    model = torch.nn.Sequential(
        torch.nn.Linear(16, 32),
        torch.nn.BatchNorm1d(32),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(32, 4),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, amsgrad=True)
    scheduler = torch.optim.lr_scheduler.SequentialLR(
        optimizer,
        [
            torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=5),
            torch.optim.lr_scheduler.MultiStepLR(optimizer, [8, 15]),
        ],
        [5],
    )
    scaler = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=3)
    sampler = ResumableSampler(len(inputs), seed=3)
    loader = torch.utils.data.DataLoader(range(len(inputs)), batch_size=BATCH, sampler=sampler)
    training = TrainingState(model, optimizer=optimizer, scheduler=scheduler, scaler=scaler, sampler=sampler)
    with Saver(folder, run, every=Every(steps=every), keep=Keep(last=2)) as saver:
        step = saver.restore(training)
        while step < last:
            for batch in sampler.counted(loader, batch_size=BATCH):
                noise = random.random() * torch.from_numpy(np.random.normal(size=(len(batch), 16))).float()
                loss = (model(inputs[batch] + 0.1 * noise) - targets[batch]).square().mean()
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad()
                scheduler.step()
                step += 1
                saver.step(step, training, metrics={"loss": loss.item()})
                if step == last:
                    break
    weights = b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())
    return blake3.blake3(weights).hexdigest()


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
