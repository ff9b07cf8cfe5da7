"""A tqdm bar with the loss and the images or points per second."""

import time as clock


class Progress:
    """Looks at the losses twice a second only: reading a number back from a GPU makes it wait.

    Stops a run whose loss is NaN. Without tqdm there is no bar.
    """

    def __init__(self, job, batch, wanted):
        self.job, self.batch, self.wanted, self.bar = job, batch, wanted and job.main, None

    def __enter__(self):
        if self.wanted:
            self.bar = self.open()
        self.step, self.start, self.unit = self.job.step, clock.perf_counter(), "points"
        return self

    def open(self):
        """The bar, or None where tqdm is missing."""
        try:
            from tqdm.auto import tqdm
        except ImportError:
            print("tqdm is not installed: training without a progress bar", flush=True)
            return None
        return tqdm(total=self.job.steps, initial=self.job.step, unit="step", desc="training")

    def __call__(self, x0):
        if self.bar is not None:
            self.bar.update()
        if clock.perf_counter() > self.start + 0.5 or self.unit == "points" and x0.ndim == 4:
            self.unit = "images" if x0.ndim == 4 else "points"
            self.now()

    def now(self):
        """Look at the losses, and write them behind the bar: mean of the last hundred steps."""
        job, now = self.job, clock.perf_counter()
        job.check_finite()
        if self.bar is not None and job.step > self.step:
            loss = job.history[max(0, job.step - 100) : job.step].mean().item()
            rate = (job.step - self.step) * self.batch / (now - self.start)
            self.bar.set_postfix_str(f"loss {loss:.4g}, {rate:.0f} {self.unit}/s")
        self.pause()

    def pause(self):
        """Start a new stretch of time for the rate: what comes between is not training."""
        self.step, self.start = self.job.step, clock.perf_counter()

    def __exit__(self, *_):
        if self.bar is not None:
            self.bar.close()
