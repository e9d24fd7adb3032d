"""Study files, what they refuse, and who is shown what."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from konomi.errors import FileError, InputError
from konomi.questionnaire import load_questionnaire, parse_questionnaire, scale_means
from konomi.taste.assignment import ATTENTION, Page, choose_pictures, make_pages, order_pictures
from konomi.taste.study import Study, check_pictures, questionnaire_of, read_study_file, study_from

TABLE: dict[str, Any] = {
    "name": "faces", "title": {"en": "Faces"}, "consent": {"en": "I agree."}, "pictures": {"folder": "faces"},
}  # fmt: skip
ITEMS = [f"item_{number}" for number in range(1, 23)]


def study(**tables: Any) -> Study:
    return study_from(TABLE | tables, "study.toml")


# --- the file ---


def test_a_study_file_is_read_and_kept(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        'name = "faces"\ntitle = { ja = "顔", en = "Faces" }\nconsent = { en = "a", ja = "b" }\nlanguage = "ja"\n'
        '[pictures]\nfolder = "faces"\n[plan]\npictures = 4\nrepeats = 1\nlapse_hours = 2\n'
        '[access]\nkind = "site"\nparameters = ["PID"]\n'
    )
    found = read_study_file(tmp_path / "study.toml")
    assert (found.languages, found.plan.repeats, found.plan.lapse_hours) == (("ja", "en"), 1, 2.0)
    assert study_from(found.to_dict(), "database") == found
    assert study_from(found.to_dict(), "database").hash == found.hash != study().hash


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"plann": {}}, "has no key 'plann'. Did you mean 'plan'"),
        ({"plan": {"picture": 3}}, "plan has no key 'picture'. Did you mean 'pictures'"),
        ({"plan": {"pictures": "3"}}, "plan: pictures is \"'3'\"|plan: pictures is '3'; it must be a whole number"),
        ({"plan": 3}, "plan is 3; it must be a table"),
        ({"plan": {"pictures": 0}}, "must see one or more"),
        ({"plan": {"pictures": 3, "repeats": 4}}, "repeats is 4; it goes from 0 to 3"),
        ({"plan": {"attention_checks": -1}}, "attention_checks is -1"),
        ({"plan": {"lapse_hours": 0}}, "lapse_hours is 0"),
        ({"plan": {"seed": -1}}, "seed is -1"),
        ({"picks": {"count": 5}}, "count is 5; it is 0, or goes from 6 to 12"),
        ({"picks": {"count": 13}}, "count is 13"),
        ({"picks": {"count": 6, "of": 1}}, "of is 1; it goes from 2 to 6"),
        ({"picks": {"likes": 25}}, "likes is 25; it goes from 0 to 24"),
        ({"picks": {"like": 6}}, "picks has no key 'like'. Did you mean 'likes'"),
        ({"name": "A study/<b>"}, "small letters, digits and - make an address"),
        ({"name": 3}, "name is 3; it must be a text"),
        ({"title": {"fr": "Visages"}}, "title has no key 'fr'"),
        ({"title": "Faces"}, "title must be texts by language"),
        ({"title": {"en": " "}}, "en has no text"),
        ({"title": {"en": "a", "ja": "b"}}, "title and consent must be in the same languages"),
        ({"language": "ja"}, "no title in the language 'ja'"),
        ({"person": {"age": "maybe"}}, "person, age has no value 'maybe'"),
        ({"person": {"youngest": 200}}, "youngest is 200"),
        ({"access": {"kind": "opne"}}, "Did you mean 'open'"),
        ({"access": {"kind": "site"}}, "access needs parameters"),
        ({"access": {"kind": "site", "parameters": ["a b"]}}, "'a b' is no parameter"),
        ({"access": {"kind": "site", "parameters": [3]}}, "a list, each of a text in quotes"),
        ({"access": {"return_address": "javascript:alert(1)"}}, "must begin with https://"),
        ({"quota": {"people": -1}}, "a quota must be 0 or more"),
        ({"quota": {"female": 3}}, "quotas by gender need person, gender = \"required\""),
        ({"pictures": {}}, "needs a folder, a model, or both"),
        ({"pictures": {"model": "anime"}}, "needs model and count together"),
        ({"pictures": {"folder": "a", "count": 3}}, "needs model and count together"),
        ({"pictures": {"folder": "a", "text": "red hair"}}, "has a text for the model, but no model"),
    ],
)  # fmt: skip
def test_a_wrong_study_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        study(**change)


def test_a_study_without_picks_is_what_it_was_before_there_were_any() -> None:
    assert "picks" not in study().to_dict()
    picking = study(picks={"count": 6, "of": 3, "likes": 2})
    assert study_from(picking.to_dict(), "database") == picking
    check_pictures(picking, 20)
    with pytest.raises(InputError, match=r"19 pictures, too few for 6 picks of 3 and 2 likes.*they need 20"):
        check_pictures(picking, 19)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks title, consent"):
        study_from({"name": "a", "pictures": {"folder": "b"}}, "study.toml")
    with pytest.raises(FileError, match="cannot read"):
        read_study_file(tmp_path / "none.toml")
    with pytest.raises(InputError, match="there are 9 pictures, too few for a plan of 10 a person"):
        check_pictures(study(), 9)
    check_pictures(study(), 10)


# --- the Mini-IPIP ---


def test_the_mini_ipip_has_four_items_a_trait() -> None:
    asked = load_questionnaire("mini-ipip")
    assert (len(asked.items), asked.points, asked.about) == (20, 5, "person")
    assert set(Counter(item.scale for item in asked.items).values()) == {4}
    reverse = [number for number, item in enumerate(asked.items, 1) if item.reverse]
    assert reverse == [6, 7, 8, 9, 10, 15, 16, 17, 18, 19, 20]  # Donnellan et al. 2006, appendix
    assert {(item.origin["en"], item.origin["ja"]) for item in asked.items} == {("paper", "translation")}


def test_reversed_items_are_turned_round() -> None:
    asked = load_questionnaire("mini-ipip")
    all_five = scale_means(asked, dict.fromkeys(asked.columns, 5))
    assert all_five == {
        "extraversion": 3, "agreeableness": 3, "conscientiousness": 3, "neuroticism": 3, "imagination": 2,
    }  # fmt: skip
    some = scale_means(asked, {"item_1": 5, "item_6": 2, "item_11": None})
    assert (some["extraversion"], some["imagination"]) == (4.5, None)


def test_a_questionnaire_is_about_pictures_or_persons(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="asks about a person; one about a picture is needed"):
        questionnaire_of("mini-ipip", tmp_path, about="picture")
    with pytest.raises(FileError, match=r"own\.toml"):
        questionnaire_of("own.toml", tmp_path, about="picture")
    own = 'name = "own"\nabout = "person"\npoints = 12\n[anchors]\nen = ["no", "yes"]\nja = ["否", "諾"]\n'
    own += '[[item]]\nscale = "a"\nen = "b"\nja = "c"\norigin = { en = "ours", ja = "ours" }\n'
    (tmp_path / "own.toml").write_text(own)
    with pytest.raises(InputError, match="from 2 to 9 points"):
        questionnaire_of("own.toml", tmp_path, about="person")
    with pytest.raises(InputError, match="about has no value 'persons'"):
        parse_questionnaire(own.replace('"person"', '"persons"'))
    with pytest.raises(InputError, match="item 1: reverse is 'yes'"):
        parse_questionnaire(own.replace('scale = "a"', 'scale = "a"\nreverse = "yes"'))


# --- who is shown what ---


def pages(one: Study, counts: list[int], person: int = 0, self_items: list[str] | None = None) -> list[Page]:
    return make_pages(one, counts=counts, items=ITEMS, points=7, self_items=self_items or [], person=person)


@given(st.integers(1, 12), st.integers(0, 40), st.integers(1, 60), st.integers(0, 1000))
def test_every_picture_gets_its_share(many: int, more: int, people: int, seed: int) -> None:
    counts = [0] * (many + more)
    dice = np.random.default_rng(seed)
    for _ in range(people):
        chosen = choose_pictures(counts, many, dice)
        assert len(set(chosen)) == many
        for picture in chosen:
            counts[picture] += 1
        assert max(counts) - min(counts) <= 1


def test_who_drops_out_is_made_up_for() -> None:
    counts = [5, 5, 1, 5, 0, 5]
    assert set(choose_pictures(counts, 2, np.random.default_rng(0))) == {2, 4}


def test_order_and_company_differ_from_person_to_person() -> None:
    firsts = Counter(choose_pictures([0] * 4, 2, np.random.default_rng(seed))[0] for seed in range(400))
    assert all(70 <= firsts[picture] <= 130 for picture in range(4))  # 100 expected, standard deviation 9


def test_repeats_come_last_with_all_others_between() -> None:
    shown = order_pictures([7, 3, 9, 1, 4], 3)
    assert shown == [*((n, False) for n in (7, 3, 9, 1, 4)), (7, True), (3, True), (9, True)]


def test_a_persons_pages() -> None:
    one = study(plan={"pictures": 6, "repeats": 2, "attention_checks": 2, "seed": 5})
    found = pages(one, [0] * 9, person=3, self_items=["item_1", "item_2"])
    assert [page.kind for page in found] == ["about", "self", *["picture"] * 8, "end"]
    shown = found[2:-1]
    assert [page.repeat for page in shown] == [False] * 6 + [True] * 2
    checked = [page for page in shown if ATTENTION in page.items]
    assert len(checked) == 2
    assert all(page.items[0] != ATTENTION and 1 <= (page.expected or 0) <= 7 for page in checked)
    assert all(set(page.items) - {ATTENTION} == set(ITEMS) for page in shown)
    assert len({page.items for page in shown}) == 8  # a new order each time
    assert found == pages(one, [0] * 9, person=3, self_items=["item_1", "item_2"])
    assert found != pages(one, [0] * 9, person=4, self_items=["item_1", "item_2"])


def test_picks_come_after_the_pictures_and_are_chosen_later() -> None:
    found = pages(study(plan={"pictures": 1}, picks={"count": 6, "of": 2, "likes": 1}), [0] * 20)
    assert [page.kind for page in found] == ["about", "picture", *["pick"] * 6, "like", "end"]
    assert all(page.shown == () and page.items == (page.kind,) for page in found[2:-1])


def test_items_stay_in_order_where_the_study_says_so() -> None:
    one = study(items={"random_order": False}, person={"age": "no", "gender": "no"}, plan={"pictures": 2})
    found = pages(one, [0, 0])
    assert [page.kind for page in found] == ["picture", "picture", "end"]
    assert all(page.items == tuple(ITEMS) for page in found[:2])
