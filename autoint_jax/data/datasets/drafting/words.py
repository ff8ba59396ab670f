"""Tells by the name of a column whether it holds ids, a measure, a time or a label."""

import re

_WORDS = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+')

# Things that have ids. A column named after one holds ids, as in `item`, `item_id`, `itemid` or `itemId`.
_THINGS = frozenset(
    """
    user member customer client visitor account person people item product article goods sku movie film song track
    artist album book video clip news doc document page url site domain app application device ad ads advert
    advertisement campaign creative adgroup advertiser publisher banner query keyword category cate cat subcategory
    brand shop store merchant seller vendor city region country state province county zip zipcode postcode postal zone
    geo ip os browser channel carrier model session cookie gender sex occupation job education hash isbn asin barcode
    phone type class group segment cluster status slot placement weekday dayofweek month hour dow topic tag author hotel
    room restaurant venue airport airline flight station line node host department team cohort tier language lang
    currency network supplier warehouse bucket""".split()
)
_IDS = frozenset('id ids key code codes uid pid aid cid sid iid gid vid mid tid nid uuid guid fid oid'.split())
# Things that are counted or measured. The last word of a name decides, so `item_price` is a price.
_MEASURES = frozenset(
    """
    age price cost amount amt count counts cnt num nb total sum avg average mean median min max std var rate ratio ctr
    cvr score income salary wage wages balance duration length len size width height weight distance dist hours minutes
    mins seconds secs ms days weeks months years freq frequency quantity qty views visits clicks impressions gain gains
    loss losses temperature temp humidity pressure speed percent pct share value revenue sales profit area rooms votes
    bid budget gap diff delta interval recency tenure credit debt limit fare tax discount points popularity latitude
    longitude lat lon lng volume power dwell""".split()
)
_TIMES = frozenset('time timestamp ts date datetime day when dt at created updated'.split())

# Names of labels, in lower case and without marks between words.
_LABELS = (
    'label',
    'labels',
    'target',
    'click',
    'clicked',
    'isclick',
    'isclicked',
    'clk',
    'y',
    'class',
    'outcome',
    'response',
)
_LABEL_WORDS = frozenset(
    """
    label labels target click clicked clk conversion converted convert purchase purchased buy bought install installed
    attributed churn churned survived default defaulted fraud like liked exited subscribed subscribe response responded
    outcome ordered order booked booking deposit accepted approved attrition canceled cancelled success successful hired
    diagnosis delinquent returned refunded renewed retained completed finished watched followed risk""".split()
)
_GRADES = frozenset('rating ratings stars star grade income score'.split())
_COUNTS = ('clicks', 'conversions', 'purchases', 'installs', 'orders')  # labels only as whole names
# Words beside which a word of labels does not name a label, as in `click_count` or `purchase_time`.
_NO_LABEL = (
    _MEASURES
    | _TIMES
    | _IDS
    | _THINGS
    | frozenset(
        """
    number n no history hist last first prev previous prior prob probability position type per past mean lag hour url
    text rank sequence seq list""".split()
    )
) - {'class'}


def words_of(name: str) -> list[str]:
    """Returns the words of a name in lower case: 'userId', 'user_id' and 'User ID' are ['user', 'id']."""
    return [word.lower() for word in _WORDS.findall(name)]


def names_ids(name: str) -> bool:
    """Returns whether the name is that of a thing, or of its ids."""
    words = words_of(name)
    if not words or words[-1] in _MEASURES:
        return False
    return any(word in _THINGS or word in _IDS or _joined(word, ('id', 'ids', 'code', 'key')) for word in words)


def names_a_measure(name: str) -> bool:
    """Returns whether the name is that of an amount, so that 20 is between 10 and 30."""
    words = [word for word in words_of(name) if not word.isdigit()]
    return bool(words) and (
        words[-1] in _MEASURES or words[0] in ('num', 'n', 'nb', 'count', 'avg', 'total', 'mean', 'sum')
    )


def names_a_time(name: str) -> bool:
    """Returns whether the name is that of a point in time."""
    return any(word in _TIMES or _joined(word, ('time', 'date')) for word in words_of(name)) and not names_a_measure(
        name
    )


def label_rank(name: str) -> int | None:
    """Returns how well a name fits a label, from 0 for the best to 2; None if it does not fit."""
    plain, words = re.sub(r'[\W_]', '', name).lower(), words_of(name)
    if plain in _LABELS:
        return 0
    meaningful = [word for word in words if word not in ('is', 'has', 'was', 'if', 'did', 'flag', 'will')]
    if any(word in _LABEL_WORDS for word in meaningful) and not any(word in _NO_LABEL for word in meaningful):
        return 1
    return 2 if words and (words[-1] in _GRADES or words in ([plural] for plural in _COUNTS)) else None


def has_a_label_word(name: str) -> bool:
    """Returns whether any word of the name is one of labels, as in `default.payment.next.month`."""
    return any(word in _LABEL_WORDS for word in words_of(name))


def _joined(word: str, endings: tuple[str, ...]) -> bool:
    """Returns whether a word is a thing joined with an ending, as `userid` is and `paid` is not."""
    return any(
        word.endswith(ending) and word[: -len(ending)] in _THINGS | {'ad', 'up', 'start', 'end', 'event', 'order'}
        for ending in endings
    )
