"""Hypothesis strategies for Konomi's own things."""

from typing import Any

from hypothesis import strategies as st

from konomi.condition import Condition
from konomi.recipe import MAX_CANDIDATE, MAX_NOISES, MAX_SEED, MAX_WEIGHT, SIZES, Noise, Recipe
from konomi.schema import Attribute, load_schema

hundredths = st.integers(0, 100).map(lambda n: n / 100)


def answers(attribute: Attribute) -> st.SearchStrategy[Any]:
    if attribute.is_flag:
        return st.booleans() | hundredths
    names = st.sampled_from(attribute.value_names)
    refused = names.map(lambda name: {name: 0.0})
    mixed = st.lists(names, min_size=2, max_size=2, unique=True).map(lambda pair: {pair[0]: 0.3, pair[1]: 0.7})
    return names | refused | mixed


conditions = st.fixed_dictionaries({}, optional={a.name: answers(a) for a in load_schema("anime").attributes}).map(
    lambda asked: Condition.from_dict(load_schema("anime"), asked)
)

seeds = st.integers(0, MAX_SEED)
candidates = st.integers(0, MAX_CANDIDATE)
noises = st.builds(Noise, seed=seeds, candidate=candidates, weight=st.integers(1, MAX_WEIGHT))

recipes = st.builds(
    Recipe,
    model=st.just("anime-1"),
    model_sha256=st.just("ab" * 32),
    condition=conditions,
    seed=seeds,
    size=st.sampled_from(SIZES),
    variety=hundredths,
    licence=st.just("research"),
    candidate=st.just(0) | candidates,
    blend=st.just(()) | st.lists(noises, max_size=MAX_NOISES - 1).map(tuple),
)
