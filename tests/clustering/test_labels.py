"""Labels that people understand, in any script."""

from __future__ import annotations

import itertools
import unicodedata

import numpy as np
import pytest

from reverie.clustering import Topics, cluster, topic_wordings
from reverie.clustering.labels import Naming, label_groups
from reverie.clustering.stopwords import ANY_TEXT, FUNCTION_WORDS, STOPWORDS
from reverie.clustering.tongues import language_of
from reverie.clustering.topics import stem, topic_names
from reverie.clustering.words import Phrasebook, detect_language, phrases, stopwords_for, text_languages
from reverie.contracts import ClusterOptions, Memory
from reverie.embedding import HashEmbedder
from reverie.embedding.anchors import anchor_vectors
from reverie.embedding.measuring import LANGUAGES, sentences

PETS = [
    "My cat Miso sleeps all day",
    "Miso the cat scratched the sofa",
    "The cat Miso likes tuna",
    "Feeding Miso, my cat",
]
HILLS = [
    "Hiking trip in the Alps next summer",
    "The Alps hiking trip was great",
    "A hiking trip needs good boots",
    "Our hiking trip photos from the Alps",
]


def labels(*groups: list[str], language: str | None = None) -> dict[frozenset[str], str]:
    texts = [t for g in groups for t in g]
    x = HashEmbedder(dimensions=256).embed(texts).vectors
    told = [Memory(id=t, text=t) for t in texts]
    result = cluster(told, x, ClusterOptions(stopwords_language=language, map=False)).result
    return {frozenset(t.memory_ids): t.label for t in result.themes}


def test_labels_are_phrases_of_the_theme_as_people_wrote_them() -> None:
    found = labels(PETS, HILLS)
    assert "Miso" in found[frozenset(PETS)]
    assert "hiking trip" in found[frozenset(HILLS)].casefold()


@pytest.mark.parametrize(
    ("one", "two", "word"),
    [
        # Japanese: no spaces, so runs of characters
        (
            ["猫が好きです", "猫の写真", "猫と遊ぶ", "猫が寝る"],
            ["東京旅行の計画", "東京旅行が楽しい", "東京旅行に行く", "東京旅行中"],
            "東京旅行",
        ),
        # Cyrillic, with stop words that must not be labels
        (
            ["мой кот спит", "это мой кот", "кот ест рыбу", "кот и я"],
            ["играю на гитаре", "моя гитара новая гитаре", "гитаре нужны струны", "на гитаре вечером"],
            "кот",
        ),
        # Arabic, right to left
        (
            ["أحب القهوة في الصباح", "القهوة ساخنة", "شربت القهوة", "كوب القهوة"],
            ["كرة القدم اليوم", "لعبت كرة القدم", "مباراة كرة القدم", "فريق كرة القدم"],
            "القهوة",
        ),
    ],
)
def test_labels_work_in_other_scripts(one: list[str], two: list[str], word: str) -> None:
    texts = one + two
    x = HashEmbedder(dimensions=256).embed(["alpha beta"] * len(one) + ["gamma delta"] * len(two)).vectors
    x = x + 0.6 * HashEmbedder(dimensions=256).embed(texts).vectors
    result = cluster([Memory(id=str(i), text=t) for i, t in enumerate(texts)], x).result
    assert len(result.themes) == 2
    assert any(word in t.label.casefold() for t in result.themes)


def test_texts_of_emoji_alone_are_labelled_by_their_emoji() -> None:
    texts = ["🐱🐱", "🐱 🐈", "🐱!!", "🎸", "🎸🎸🎸 🎵", "🎸 ..."]
    x = HashEmbedder(dimensions=64).embed(["cats"] * 3 + ["music"] * 3).vectors
    x = x + 0.6 * HashEmbedder(dimensions=64).embed(texts).vectors
    result = cluster([Memory(id=str(i), text=t) for i, t in enumerate(texts)], x).result
    assert {t.label[0] for t in result.themes} == {"🐱", "🎸"}


def test_no_label_starts_or_ends_with_a_stop_word_and_addresses_are_none() -> None:
    stops = stopwords_for("en", [])
    keys = [key for key, _ in phrases("I went to the Golden Gate of https://x.org/abc with <@123> today", stops)]
    assert "golden gate" in keys
    assert not any(key.split()[0] in stops or key.split()[-1] in stops for key in keys)
    assert not any("org" in key or "123" in key for key in keys)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I have been there and it was not what we wanted", "en"),
        ("ich habe das nicht gewusst und bin auch nicht da", "de"),
        ("je ne sais pas ce que vous avez dans la maison", "fr"),
        ("no sé qué es lo que tiene para mí", "es"),
        ("я не знаю что это и как он был", "ru"),
    ],
)
def test_the_language_of_stop_words_is_detected(text: str, language: str) -> None:
    assert detect_language([text]) == language


def test_themes_with_the_same_words_still_have_different_labels() -> None:
    texts = ["cat dog"] + [f"cat dog {'!' * i}x{i}" for i in range(1, 8)]
    x = HashEmbedder(dimensions=64).embed(["one"] * 4 + ["two"] * 4).vectors
    x = x + 0.6 * HashEmbedder(dimensions=64).embed(texts).vectors
    result = cluster([Memory(id=str(i), text=t) for i, t in enumerate(texts)], x).result
    assert len(result.themes) == 2
    assert len({t.label.casefold() for t in result.themes}) == 2


def test_only_the_beginning_of_a_novel_is_read() -> None:
    book = Phrasebook(["word " * 1000 + "needle"], frozenset())
    assert "word" in book[0]
    assert "needle" not in book[0]


@pytest.mark.parametrize(
    "texts",
    [
        ["วันนี้ฝนตกหนักมากที่กรุงเทพ", "ฝนตกหนักมากเมื่อวานนี้", "เมื่อวานฝนตกหนักทั้งวัน", "น้ำท่วมเพราะฝนตกหนัก"],  # Thai
        ["ကျွန်တော် မြန်မာစာ သင်နေပါတယ်", "မြန်မာစာ သင်ရတာ ပျော်တယ်", "မြန်မာစာကို ကြိုက်တယ်", "မြန်မာစာ စာအုပ်"],  # Burmese
        ["ខ្ញុំចូលចិត្តញ៉ាំបាយនៅភ្នំពេញ", "ញ៉ាំបាយនៅភ្នំពេញម្ដងទៀត", "ភ្នំពេញស្អាតណាស់", "យើងទៅភ្នំពេញ"],  # Khmer
        ["ຂ້ອຍມັກກິນເຂົ້າໜຽວ", "ກິນເຂົ້າໜຽວທຸກມື້", "ເຂົ້າໜຽວແຊບຫຼາຍ", "ແມ່ເຮັດເຂົ້າໜຽວ"],  # Lao
        ["எனக்கு காபி மிகவும் பிடிக்கும்", "காலையில் காபி குடிப்பேன்", "சூடான காபி நல்லது", "காபி கடை"],  # Tamil
        ["मुझे सुबह की चाय पसंद है", "चाय गरम है", "माँ की चाय सबसे अच्छी", "चाय की दुकान"],  # Hindi
    ],
)
def test_no_sign_is_cut_from_its_letter(texts: list[str]) -> None:
    x = HashEmbedder(dimensions=64).embed(["one subject"] * 4 + ["another thing"] * 4).vectors
    every = [*texts, *PETS]
    theme, _ = label_groups(every, x, [np.arange(4), np.arange(4, 8)], x[[0, 4]], Phrasebook(every))
    joined = unicodedata.normalize("NFC", "\n".join(texts))
    for phrase in [*theme.keywords, *theme.text.split(" · ")]:
        assert phrase in joined
        assert not unicodedata.category(phrase[0]).startswith("M")
        after = joined[joined.index(phrase) + len(phrase) :][:1]
        assert not unicodedata.category(after or " ").startswith("M")
        assert phrase[-1] not in "เแโใไເແໂໃໄ"  # these belong to the letter that follows


def test_a_name_stays_while_its_theme_stays() -> None:
    topics = Topics(anchor_vectors(HashEmbedder(dimensions=256), topic_wordings()))

    def grouped(texts: list[str], before: object = ()) -> object:
        x = HashEmbedder(dimensions=256).embed(texts).vectors
        told = [Memory(id=t, text=t) for t in texts]
        return cluster(told, x, ClusterOptions(map=False), previous=before, topics=topics)  # type: ignore[arg-type]

    first = grouped([*PETS, *HILLS])
    more = ["Miso the cat wants the vet", "The vet likes my cat Miso", "A hiking trip with the vet in the Alps"]
    second = grouped([*PETS, *HILLS, *more], first.states)  # type: ignore[attr-defined]
    old = {t.id: t.label for t in first.result.themes}  # type: ignore[attr-defined]
    new = {t.id: t.label for t in second.result.themes}  # type: ignore[attr-defined]
    assert {i: new[i] for i in old if i in new} == {i: old[i] for i in old if i in new}
    assert set(old) & set(new)


@pytest.mark.parametrize(
    ("text", "found", "never"),
    [
        ("Climbing on Tuesday, mostly sat in the car", "climbing", "mostly sat"),
        ("the pace so far", "", "pace so far"),
        ("cinema and loved it", "cinema", "cinema and loved"),
        ("We climbed the red routes", "red route", "climbed"),
        ("I'm allergic to hazelnuts", "hazelnut", "allergic"),
        ("I walk to work every Monday with the chef", "chef", "walk"),
        ("a cup of coffee", "cup of coffee", "a cup"),
    ],
)
def test_english_names_are_made_of_noun_phrases(text: str, found: str, never: str) -> None:
    keys = dict(phrases(text, stopwords_for("en", []), "en"))
    assert not found or found in keys
    assert never not in keys


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Jag och min syster är på väg till fjällen, men det regnar", "fjällen"),
        ("Jeg har ikke været ved havet siden min søster blev gift", "havet"),
        ("Nie wiem jeszcze, czy to jest mój nowy rower", "rower"),
        ("Ben ve kardeşim çok güzel bir köpek gördük, ama kaçtı", "köpek"),
        ("Je to už rok, co jsem byl na horách, ale není mi smutno", "horách"),
        ("Sora mea și eu am fost la munte, dar nu este zăpadă", "munte"),
        ("Minun sisko ja minä emme ole vielä järvellä, mutta se on kaunis", "järvellä"),
        ("Saya dan adik tidak ada di pantai, tetapi itu indah", "pantai"),
        ("Сестра ми и аз сме на планина, но не се вижда нищо, защото е мъгла", "планина"),
        ("Η αδερφή μου και εγώ είμαστε στη θάλασσα, αλλά δεν έχει ήλιο", "θάλασσα"),
        ("मेरी बहन और मैं पहाड़ पर हैं। वहाँ बर्फ नहीं है", "बर्फ"),
        ("أنا وأختي في الجبل، لكن لا ثلج هناك", "الجبل"),
    ],
)
def test_function_words_of_many_languages_name_nothing(text: str, kept: str) -> None:
    found = {key for key in Phrasebook([text]).plain(0) if " " not in key}
    empty = ANY_TEXT.union(*FUNCTION_WORDS.values()) - STOPWORDS["en"]
    assert kept.casefold() in found
    assert len(found & empty) <= 1, "one word may be another language's: a language's own are all out"
    assert not any("।" in key for key in found)


def test_a_word_that_rare_languages_share_makes_no_text_one_of_theirs() -> None:
    told = ["pot roast", "the dog and I went for a walk", "my end of the deal", "we ate at the lake"]
    assert text_languages(told) == ["en"] * 4


GREEK = [
    "Οι αγώνες ξεκίνησαν το πρωί με θαυμάσιο καιρό",
    "Πρέπει να πάρω ψωμί από τον φούρνο της γειτονιάς",
    "Χθες είδαμε μια παλιά ταινία στο σινεμά",
    "Η βροχή σταμάτησε πριν από το μεσημέρι",
]
SWEDISH = [
    "Jag vet inte om vi hinner med tåget till stan",
    "Det var mycket folk på torget och alla sjöng",
    "Hon har köpt en gammal cykel av sin granne",
    "Vi ska måla köket när det blir varmare",
]


def named(groups: list[list[str]], earlier: list[str | None]) -> list[str]:
    """Names of given groups, whose vectors have nothing to do with what is said."""
    texts = [text for group in groups for text in group]
    starts = np.cumsum([0, *map(len, groups)])
    members = [np.arange(a, b) for a, b in itertools.pairwise(starts.tolist())]
    centres = np.eye(len(groups), 8, dtype=np.float32)
    x = np.repeat(centres, [len(group) for group in groups], axis=0)
    found = label_groups(texts, x, members, centres, Phrasebook(texts), naming=Naming(earlier=earlier))
    return [label.text for label in found]


def test_a_group_with_nothing_but_its_language_in_common_is_named_by_it() -> None:
    assert named([GREEK, PETS, SWEDISH], [None] * 3)[::2] == ["Ελληνικά", "Svenska"]
    assert named([GREEK + SWEDISH, PETS * 3], [None] * 2)[0] in ("Ελληνικά · Svenska", "Svenska · Ελληνικά")


def test_a_language_is_no_name_where_a_phrase_speaks_for_the_group_or_all_write_it() -> None:
    cats = [f"{text} και η γάτα" for text in GREEK]
    assert "γάτα" in named([cats, PETS], [None] * 2)[0].casefold()
    assert "Ελληνικά" not in named([GREEK, GREEK[::-1]], [None] * 2)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language_of_a_text_is_told_or_left_open(language: str) -> None:
    told = [language_of(text) for text in sentences(language)]
    assert sum(code not in (language, None) for code in told) <= 1
    assert told.count(language) >= len(told) / 2


def test_words_for_one_parent_are_no_two_things() -> None:
    calls = ["Mi madre llama desde el pueblo", "Mamá cuenta del pueblo", "La madre de mi mamá está en el pueblo"]
    name = named([calls, PETS], [None] * 2)[0].casefold()
    assert not ("madre" in name and "mamá" in name)


def test_ordinals_and_weekdays_of_other_languages_name_nothing() -> None:
    found = set(Phrasebook(["El primer día que Lucía fue al colegio era un domingo"]).plain(0))
    assert {"lucía", "colegio"} <= found
    assert not {"primer", "día", "domingo"} & found


def test_a_broad_topic_names_what_no_narrow_one_does_and_a_word_of_one_member_is_no_topic() -> None:
    names = topic_names()
    vectors = np.zeros((len(names), 8), dtype=np.float32)
    vectors[:, 7] = 1.0
    vectors[names.index("gardening")] = np.eye(8)[0]
    vectors[names.index("lucky number")] = np.eye(8)[1]
    x = np.zeros((12, 8), dtype=np.float32)
    x[:4, 0], x[4:8, 1], x[8:, 2] = 0.3, 0.3, 0.3
    x[np.arange(12), 3 + np.arange(12) % 4] = 0.91**0.5
    groups = [np.arange(start, start + 4) for start in (0, 4, 8)]
    centres = np.stack([x[g].mean(axis=0) / np.linalg.norm(x[g].mean(axis=0)) for g in groups])
    said = [frozenset[str]()] * 12
    said[4] = frozenset(map(stem, ("lucky", "number")))

    def fitting() -> list[list[str]]:
        fits = Topics(vectors).fits(centres, groups, said, [1.0] * 3, [None] * 3, x=x)
        return [[names[fit.topic] for fit in own] for own in fits]

    assert fitting() == [["gardening"], [], []]
    said[5] = said[4]
    assert fitting()[1] == ["lucky number"]


def test_a_name_of_two_phrases_covers_both_halves_of_a_group() -> None:
    one = ["The Wombat restarted", "A Wombat on a plugin", "Nobody knows the Wombat", "The Wombat and its plugin"]
    name = named([[*one, "The Quokka is blue", "A Quokka"], HILLS], [None] * 2)[0]
    assert name == "Wombat · Quokka"


def test_a_name_of_strangers_has_a_word_of_each() -> None:
    name = named([["I'm allergic to hazelnuts", "A nephew is born"], HILLS], [None] * 2)[0].casefold()
    assert "hazelnuts" in name
    assert "nephew" in name


def test_a_gerund_before_up_is_no_noun() -> None:
    found = {key for key, _ in phrases("Topping up and climbing in the hall", STOPWORDS["en"], "en")}
    assert "climbing" in found
    assert "topping" not in found


def test_a_topic_of_which_half_is_never_said_must_be_nearer() -> None:
    names = topic_names()
    vectors = np.zeros((len(names), 8), dtype=np.float32)
    vectors[:, 7] = 1.0
    vectors[names.index("closing an account")] = np.eye(8)[0]
    x = np.zeros((4, 8), dtype=np.float32)
    x[:, 0], x[np.arange(4), 1 + np.arange(4)] = 0.35, (1 - 0.35**2) ** 0.5
    centre = x.mean(axis=0, keepdims=True)
    centre /= np.linalg.norm(centre)
    other = np.eye(8, dtype=np.float32)[6:7]

    def fitting(words: str) -> list[str]:
        said = [frozenset(map(stem, words.split()))] * 4
        centres, groups = np.concatenate([centre, other]), [np.arange(4), np.array([3])]
        return [names[fit.topic] for fit in Topics(vectors).fits(centres, groups, said, [1.0] * 2, [None] * 2)[0]]

    assert 0.57 < float(centre[0, 0]) < 0.63
    assert fitting("frozen money") == ["closing an account"]
    assert fitting("frozen account") == []
