"""A training run as a small TOML file: what may stand in it, and words for what may not.

    data = "fashion16"
    [training]
    steps = 5000

All else has a default. The fields below are the whole language; every section is a class.
"""

import difflib
import json
import re
import tomllib
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import torch

from ..checks import check_choice, check_count, check_number, shown
from ..data import LOADERS
from ..ddpm import DDPM
from ..denoiser import PREDICTIONS, Denoiser
from ..losses import WEIGHTS
from ..ncsn import NCSN
from ..nets import UNet
from ..score_sde import VE, VP

SHIPPED = Path(__file__).parents[1] / "configs"
DATA = tuple(LOADERS)
CHAINS = ("cosine", "linear", "ncsn")  # the kinds of processes that have steps
KINDS = {str: "a word in quotes", int: "a whole number", float: "a number", bool: "true or false",
         bool | str: 'true, false or "auto"'}


class ConfigError(ValueError):
    """A config file that is not taken: file, line, what was given, what is allowed."""


def check_word(name, value, allowed):
    """check_choice with a guess at what was meant."""
    try:
        return check_choice(name, value, allowed)
    except ValueError as error:
        raise ValueError(f"{error}{_guess(value, allowed)}") from None


def _guess(given, allowed):
    close = difflib.get_close_matches(str(given), [str(word) for word in allowed], 1)
    return f"; did you mean {close[0]!r}?" if close else ""


class Section:
    """One section: the types of its fields are checked here, the values in ``check``."""

    def __post_init__(self):
        for item in fields(self):
            value, kind = getattr(self, item.name), item.type
            allowed = int | float if kind is float else kind
            if not isinstance(value, allowed) or isinstance(value, bool) and kind in (int, float):
                raise TypeError(f"{item.name} must be {KINDS[kind]}, got {shown(value)}")
            if isinstance(value, int) and abs(value) >= 2**63:  # beyond TOML, and beyond torch
                raise ValueError(f"{item.name} must be below 2^63, got {shown(value)}")
        self.check()


@dataclass(frozen=True)
class ProcessSection(Section):
    """How data turn into noise."""

    kind: str = "cosine"  # DDPM's chain: "cosine" (Nichol & Dhariwal) or "linear" (Ho et al.);
    #                       "ncsn": levels of noise (Song & Ermon); "vp", "ve": SDEs (Song et al.)
    steps: int = 1000  # T or L, the length of a chain; SDEs have none
    sigma_min: float = 0.01  # smallest noise of "ncsn" and "ve"
    sigma_max: float = 50.0  # largest noise of "ncsn" and "ve"

    def check(self):
        check_word("kind", self.kind, (*CHAINS, "vp", "ve"))
        check_count("steps", self.steps)
        check_number("sigma_min", self.sigma_min, 0, self.sigma_max)
        check_number("sigma_max", self.sigma_max, 0)

    def make(self):
        """The GaussianProcess."""
        return {"cosine": lambda: DDPM.cosine(self.steps),
                "linear": lambda: DDPM.linear(self.steps),
                "ncsn": lambda: NCSN.geometric(self.sigma_max, self.sigma_min, self.steps),
                "vp": VP,
                "ve": lambda: VE(self.sigma_min, self.sigma_max)}[self.kind]()


@dataclass(frozen=True)
class NetworkSection(Section):
    """The U-Net; its channels and classes come from the data."""

    width: int = 32  # channels at full resolution, a multiple of 8
    levels: int = 3  # resolutions; each halves the picture and doubles the channels
    attention: bool = True  # self-attention at the coarsest level
    patch: int = 1  # 2 folds 2x2 pixels into one: four times faster
    predicts: str = "v"  # "eps", "x0", "v" or "score"
    sigma_data: float = 0.0  # not 0: preconditioned as EDM, for data of this standard deviation

    def check(self):
        check_word("predicts", self.predicts, PREDICTIONS)
        check_number("sigma_data", self.sigma_data, 0, open_low=False)


@dataclass(frozen=True)
class TrainingSection(Section):
    """How the weights are found."""

    steps: int = 10_000  # steps of Adam
    batch: int = 128  # pictures in a step, of all processes together
    lr: float = 1e-3  # learning rate
    schedule: str = "cosine"  # of the learning rate: "constant", or "cosine" from lr to 0
    ema: float = 0.999  # decay of the averaged weights
    clip: float = 1.0  # largest norm of the gradient; 0: no limit
    drop: float = 0.1  # share of the labels that are hidden, for guidance
    loss: str = "v"  # weight of the loss: "simple", "x0", "v", "snr" or "likelihood"
    time: str = "stratified"  # how steps of the chain are drawn: "uniform" or "stratified"
    seed: int = 0  # of the first weights and of all that is drawn
    precision: str = "auto"  # "fp32" or "bf16"; auto: bf16 on a GPU, fp32 on a CPU
    channels_last: bool | str = "auto"  # memory order of pictures; auto: on a GPU
    compile: bool | str = "auto"  # torch.compile; auto: on a GPU

    def check(self):
        check_count("steps", self.steps)
        check_count("batch", self.batch)
        check_number("lr", self.lr, 0)
        check_word("schedule", self.schedule, ("constant", "cosine"))
        check_number("ema", self.ema, 0, 1, open_low=False)
        check_number("clip", self.clip, 0, open_low=False)
        check_number("drop", self.drop, 0, 1, open_low=False)
        check_word("loss", self.loss, WEIGHTS)
        check_word("time", self.time, ("uniform", "stratified"))
        check_count("seed", self.seed, least=0)
        check_word("precision", self.precision, ("auto", "fp32", "bf16"))
        check_word("channels_last", self.channels_last, (True, False, "auto"))
        check_word("compile", self.compile, (True, False, "auto"))

    def on(self, device):
        """precision, channels_last and compile for a device, "auto" decided."""
        gpu = torch.device(device).type == "cuda"
        auto = {"precision": "bf16" if gpu else "fp32", "channels_last": gpu, "compile": gpu}
        given = {name: getattr(self, name) for name in auto}
        return {name: auto[name] if value == "auto" else value for name, value in given.items()}


@dataclass(frozen=True)
class ReportSection(Section):
    """What is written and measured while the run goes on, and at its end."""

    every: int = 1000  # steps between checkpoints, pictures and rows of quality.csv
    samples: int = 1000  # samples for each row, and for the table at the end
    calls: int = 20  # network calls of the sampler, for each of the two answers of guidance
    guidance: float = 1.0  # w of classifier-free guidance in the table's second column

    def check(self):
        for name in ("every", "calls"):
            check_count(name, getattr(self, name))
        check_count("samples", self.samples, least=10)  # one of each class
        check_number("guidance", self.guidance, 0)


@dataclass(frozen=True)
class Config:
    """A whole run. Two configs are equal when their fields are, wherever they came from."""

    data: str  # "digits8", "fashion16", "fashion32" or "cifar10"
    process: ProcessSection = ProcessSection()
    network: NetworkSection = NetworkSection()
    training: TrainingSection = TrainingSection()
    report: ReportSection = ReportSection()
    source: "Source | None" = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        check_word("data", self.data, DATA)

    def for_steps(self, steps):
        """The same run with another number of training steps; None: unchanged."""
        if steps is None:
            return self
        return replace(self, training=replace(self.training, steps=steps))

    def facts(self):
        """All fields as a dictionary of dictionaries, for records."""
        return {name: value for name, value in asdict(self).items() if name != "source"}

    def text(self):
        """All fields as TOML, defaults written out."""
        lines = [f"data = {json.dumps(self.data)}"]
        for name, section in self.facts().items():
            if name != "data":
                lines += ["", f"[{name}]"]
                lines += [f"{key} = {json.dumps(value)}" for key, value in section.items()]
        return "\n".join(lines) + "\n"

    def model(self, shape, classes):
        """The untrained Denoiser for pictures of shape (channels, H, W), weights from the seed.

        Raises ConfigError, or ValueError where there is no file, for a network that cannot be made
        or does not fit the pictures.
        """
        source = self.source or Source()
        with source.blame("process"):
            process = self.process.make()
        network = asdict(self.network)
        predicts, sigma_data = network.pop("predicts"), network.pop("sigma_data") or None
        with source.blame("network"), torch.random.fork_rng(devices=[]):
            fit(network, shape)
            torch.manual_seed(self.training.seed)
            net = UNet(shape[0], classes=classes, **network)
            return Denoiser(net, process, predicts, sigma_data)


SECTIONS = {"process": ProcessSection, "network": NetworkSection, "training": TrainingSection,
            "report": ReportSection}


@dataclass(frozen=True)
class Source:
    """The text of a config file, to say in which line a fault stands."""

    path: str = ""
    text: str = ""

    def line(self, section, key=None):
        """The line of a key, else of its section, else None."""
        wanted, here, fallback = f"{section}.{key}" if key and section else key or section, "", None
        for number, line in enumerate(self.text.splitlines(), 1):
            header = re.match(r"\s*\[+([^\]]*)\]", line)
            name = header[1] if header else re.match(r"([^=#]*)", line)[1]
            name = ".".join(part.strip(" \t\"'") for part in name.split("."))
            here, name = (name, name) if header else (here, f"{here}.{name}" if here else name)
            if name == wanted:
                return number
            if name == section and fallback is None:
                fallback = number
        return fallback

    def error(self, message, section="", key=None):
        """A ConfigError that begins with file and line."""
        number = self.line(section, key)
        where = self.path + (f", line {number}" if number else "")
        place = f"in [{section}], " if section else ""
        return ConfigError(f"{where}: {place}{message}" if where else f"{place}{message}")

    @contextmanager
    def blame(self, section=""):
        """Errors inside point to the line of the first key of the section that they name."""
        try:
            yield
        except (TypeError, ValueError) as error:
            message = re.sub("num_(steps|levels)", "steps", str(error))  # names in the library
            kind = SECTIONS.get(section, Config)
            known = [item.name for item in fields(kind)]
            key = next((word for word in re.findall(r"\w+", message) if word in known), None)
            raise self.error(message, section, key) from error


def fit(network, shape):
    """Try a U-Net on one picture, without memory or numbers; ValueError when they do not fit."""
    with torch.device("meta"), torch.no_grad():
        try:
            net = UNet(shape[0], **network)
        except RuntimeError as error:
            raise ValueError(f"width and levels are too large: {error}") from None
        try:
            net(torch.zeros(1, *shape), 0.5)
        except ValueError as error:
            raise ValueError(f"levels and patch must suit the pictures: {error}") from None


def load(config):
    """A Config from the path of a TOML file or the name of a shipped one, like "digits8".

    Raises ConfigError with file, line, what was given and what is allowed.
    """
    path = Path(config)
    names = sorted(file.stem for file in SHIPPED.glob("*.toml"))
    if not path.is_file():
        if str(config) not in names:
            raise ConfigError(f"there is no config file {config}, and no shipped one of this name; "
                              f"shipped: {', '.join(names)}{_guess(config, names)}")
        path = SHIPPED / f"{config}.toml"
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors on Windows write a mark first
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        number = line[1] if line else len(text.splitlines())  # else "at end of document"
        where = f"{path}, line {number}"
        raise ConfigError(f"{where}: this is not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the file cannot be read as text: {error}") from None
    return parse(table, Source(str(path), text))


def parse(table, source=None):
    """A Config from a dictionary of dictionaries; ConfigError for what does not belong there."""
    source = source or Source()
    allowed = ["data", *SECTIONS]
    parts = {}
    for name, value in table.items():
        if name not in allowed:
            homes = [f"[{home}]" for home, kind in SECTIONS.items() if name in _names(kind)]
            hint = f"; it belongs into {' or '.join(homes)}" if homes else _guess(name, allowed)
            raise source.error(f"unknown name {name!r}, allowed are data and the sections "
                               f"{', '.join(SECTIONS)}{hint}", key=name)
        parts[name] = value if name == "data" else _section(name, value, source)
    if "data" not in parts:
        raise source.error(f"data must be given, one of {', '.join(map(repr, DATA))}")
    with source.blame():
        return Config(**parts, source=source)


def _section(name, values, source):
    if not isinstance(values, dict):
        raise source.error(f"{name} must be a section [{name}], got {shown(values)}", key=name)
    kind = SECTIONS[name]
    for key in values:
        if key not in _names(kind):
            raise source.error(f"unknown name {key!r}, allowed are {', '.join(_names(kind))}"
                               f"{_guess(key, _names(kind))}", name, key)
    with source.blame(name):
        return kind(**values)


def _names(kind):
    return [item.name for item in fields(kind)]
