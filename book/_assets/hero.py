"""Draw the picture of the README and the landing page: python book/_assets/hero.py

Above, points in the plane; below, garments of 16 by 16 pixels. Both start as noise at the left and are walked
back by DDIM with the exact denoiser, so nothing is trained and the picture is the same on every machine.
"""
from pathlib import Path

import torch

from minidiff import VP, grids, samplers
from minidiff import plotting as draw
from minidiff.data import fashion16, two_moons
from minidiff.exact import GaussianMixture

TIMES = (1.0, 0.35, 0.2, 0.12, 0.07, 0.03)        # and last the data, at 0


def walk(target, count, seed):
    """The walk from noise to data at TIMES and at its end, each (count, *shape)."""
    generator = torch.Generator().manual_seed(seed)
    process, seen = VP(), []
    x = process.prior_sample((count, *target.shape), generator, dtype=torch.float64)
    x = samplers.ddim(
        target.denoiser(process), x, grids.uniform(100), trace=lambda step, t, x, x0_hat: seen.append(x)
    )
    return [seen[round(100 * (1 - t))] for t in TIMES] + [x]


def main():
    moons = two_moons(300, noise=0.0, generator=torch.Generator().manual_seed(0))
    images, _ = fashion16("train")
    points = walk(GaussianMixture(torch.full((300,), 1 / 300), moons, 0.07), 700, seed=1)
    garments = walk(GaussianMixture(torch.full((5000,), 1 / 5000), images, 0.0), 9, seed=5)
    fig, axes = draw.figure(2, len(TIMES) + 1, size=(10.5, 3.2))
    for above, below, x, pictures in zip(*axes, points, garments):
        draw.points(x, ax=above, limit=2.4, size=4)
        draw.image_grid(pictures, columns=3, ax=below)
        above.set_axis_off()
    target = Path(__file__).with_name("hero.png")
    target.write_bytes(draw.png(fig, dpi=96, colors=32))
    print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
