"""Which models there are, what they can and what they cost: `models.yaml`, and what a workspace says over it.

Prices are US dollars for a million tokens, so micro-dollars for one.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from agents.errors import Fault, InvalidConfigError
from agents.yaml_text import read_mapping
from storage.models import LlmApi

FILE = Path(__file__).with_name("models.yaml")

Ability = Literal["tools", "structured", "images", "temperature", "embeddings"]
"""`tools`: it calls them; `structured`: it keeps to a JSON Schema; `temperature`: it takes one.

`embeddings`: it makes vectors of texts, and does not answer.
"""

ModelId = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[!-~]+$")]
Price = Annotated[float, Meta(ge=0, le=100_000)]
Tokens = Annotated[int, Meta(ge=1, le=100_000_000)]

UNKNOWN_CONTEXT = 8192
UNKNOWN_OUTPUT = 4096


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model. Prices are US dollars a million tokens; without one only a budget of tokens bounds it."""

    id: ModelId
    context_tokens: Tokens = UNKNOWN_CONTEXT
    max_output_tokens: Tokens = UNKNOWN_OUTPUT
    input_price: Price | None = None
    output_price: Price | None = None
    grade: Annotated[
        int,
        Meta(
            ge=0,
            le=4,
            description="How able it is: 0 tiny, for a first try; 1 small; 2 fair; 3 good; 4 the best.",
        ),
    ] = 2
    abilities: Annotated[tuple[Ability, ...], Meta(max_length=10)] = ("tools", "temperature")

    def can(self, ability: Ability) -> bool:
        """Tell whether it has an ability."""
        return ability in self.abilities

    def cost_micros(self, input_tokens: int, output_tokens: int) -> int:
        """Return what so many tokens cost, rounded up."""
        exact = input_tokens * (self.input_price or 0) + output_tokens * (self.output_price or 0)
        return -int(-exact // 1)


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A provider as the catalogue knows it."""

    id: str
    name: str
    base_url: str
    api: LlmApi = "chat"
    needs_key: bool = True
    output_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What Chat Completions call the limit of tokens there."""
    models: list[Model] = []


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All providers that are known beforehand. `prices_of`: when the prices were looked up."""

    prices_of: str
    providers: list[Kind]

    def kind(self, kind_id: str) -> Kind | None:
        """Return a kind of provider, or None."""
        return next((kind for kind in self.providers if kind.id == kind_id), None)

    def models_of(self, kind_id: str, own: Sequence[Model]) -> list[Model]:
        """Return a provider's models: its own ones first, in the place of those of the same id."""
        kind = self.kind(kind_id)
        known = {model.id for model in own}
        return [*own, *(model for model in (kind.models if kind else []) if model.id not in known)]


@cache
def read_catalogue(path: Path = FILE) -> Catalogue:
    """Read a catalogue. Raises InvalidConfigError with the file's name, OSError."""
    try:
        catalogue = msgspec.convert(read_mapping(path.read_text("utf-8"), path.name), Catalogue)
    except msgspec.ValidationError as error:
        raise InvalidConfigError((Fault(path.name, str(error)),)) from error
    for names in ([kind.id for kind in catalogue.providers], *map(_model_ids, catalogue.providers)):
        if len(set(names)) != len(names):
            raise InvalidConfigError((Fault(path.name, "Two of the same id"),))
    return catalogue


def read_own_models(stored: Sequence[dict[str, Any]]) -> list[Model]:
    """Read the models of a provider's row; what does not fit (an import may bring anything) is left out."""
    found: list[Model] = []
    for one in stored:
        try:
            found.append(msgspec.convert(one, Model))
        except msgspec.ValidationError:
            continue
    return found


def _model_ids(kind: Kind) -> list[str]:
    return [model.id for model in kind.models]
