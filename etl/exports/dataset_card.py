"""What a data set says about itself: its card (README.md) and its Croissant metadata.

References
----------
.. [1] Hugging Face, dataset cards: YAML front matter between two lines of three dashes.
.. [2] MLCommons, Croissant format specification, version 1.0.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

import etl
from etl.chords.near_versions import LEAST_COUNTED, LEAST_DISTINCT
from etl.exports.parquet import DATASET_COLUMNS, Column
from etl.exports.splits import SPLITS
from etl.runtime.wording import number_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from etl.exports.splits import Links

FILES: Final = frozenset(
    {
        *(f"{split}.parquet" for split in SPLITS),
        *("vocabulary.json", "manifest.json", "README.md", "croissant.json"),
    }
)
"""What a data set folder is made of."""

_LICENCE: Final = (
    "The rights in the songs' texts (chords and metadata) are those of their sources; keys, numerals and ids "
    "are computed from them and add no claim. Name the licence of your sources here before you publish."
)
_SIZES: Final = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
_CROISSANT_TYPES: Final = {
    "string": "sc:Text",
    "float": "cr:Float32",
    "int8": "cr:Int8",
    "int16": "cr:Int16",
    "int32": "cr:Int32",
    "int64": "cr:Int64",
}


@dataclass(frozen=True)
class Facts:
    """What is known about a data set.

    Attributes
    ----------
    name
        Name of its folder.
    songs
        Songs by split.
    without_chord
        Songs left out because they have no known chord.
    links
        What songs share, and how many were left out for it, by kind.
    duplicates, transpositions
        Songs whose progression an earlier song has, as it stands or in any key.
    groups, largest_group
        Groups that were kept together, and songs in the largest.
    largest_component
        Songs in the largest set that links join, before it is cut.
    seed, fractions
        As asked for.
    analysis
        Version of the analysis.
    day
        Day of the build, ISO 8601.
    sources
        File names of the sources.
    """

    name: str
    songs: Mapping[str, int]
    without_chord: int
    links: Mapping[str, Links]
    duplicates: int
    transpositions: int
    groups: int
    largest_group: int
    largest_component: int
    seed: int
    fractions: tuple[float, float, float]
    analysis: str
    day: str
    sources: tuple[str, ...]

    @property
    def total(self) -> int:
        """Songs in all splits."""
        return sum(self.songs.values())

    @property
    def linked_left_out(self) -> int:
        """Songs left out because another split has what they are linked by."""
        return sum(link.left_out for link in self.links.values())

    @property
    def off_by(self) -> float:
        """The greatest distance of a share of the songs from the share asked for, 0-1."""
        return max(
            abs(number / self.total - wanted)
            for number, wanted in zip(self.songs.values(), self.fractions, strict=True)
        )


def manifest(facts: Facts) -> dict[str, Any]:
    """Give the facts as JSON has them, with the thresholds of near versions."""
    return {
        "music_etl": etl.__version__,
        **asdict(facts),
        "near_versions": {"least_counted": LEAST_COUNTED, "least_distinct": LEAST_DISTINCT},
    }


def _left_out(facts: Facts) -> str:
    reasons = (
        (facts.without_chord, "without a known chord"),
        (facts.linked_left_out, "linked to one in another split"),
    )
    return "; ".join(f"{number_of(songs, 'song')} {why}" for songs, why in reasons if songs) or "nothing"


def dataset_card(facts: Facts) -> str:
    """README.md of the data set, with the front matter that the Hugging Face hub reads."""
    size = next((name for limit, name in _SIZES if facts.total < limit), "1M<n<10M")
    files = "\n".join(
        f"  - split: {split}\n    path: {split}.parquet" for split, number in facts.songs.items() if number
    )
    columns = "\n".join(
        f"| `{column.name}` | {_type_name(column.type)} | {column.description} |"
        for column in DATASET_COLUMNS
    )
    shares = "\n".join(
        f"| {split} | {number:,} | {number / facts.total:.2%} |" for split, number in facts.songs.items()
    )
    links = "\n".join(
        f"| {kind.replace('_', ' ')} "
        f"| {link.songs:,} | {link.shared:,} | {link.largest:,} | {link.left_out:,} |"
        for kind, link in facts.links.items()
    )
    asked = ", ".join(f"{fraction:g}" for fraction in facts.fractions)
    sources = "\n".join(f"- `{source}`" for source in facts.sources)
    return f"""---
pretty_name: {json.dumps(facts.name, ensure_ascii=False)}
license: other
license_name: see-the-sources
tags:
- music
- chords
- harmony
- roman-numerals
size_categories:
- {size}
configs:
- config_name: default
  data_files:
{files}
---
# {facts.name}

Chord songs with their keys and Roman numerals as ids, split for machine learning. Written by music-etl
{etl.__version__} (`etl export dataset`, analysis {facts.analysis}, build of {facts.day}).

## Splits

| split | songs | share |
|---|---|---|
{shares}

Asked for: {asked}; seed {facts.seed}; stratified by `main_genre` (unknown is a stratum of its own).
Left out: {_left_out(facts)}.

## Leakage

No artist is in two splits, no recording, no title of an artist, no chord progression, neither as it stands
nor transposed, and no near version of one that was found. Songs that share one of these, directly or through
other songs, form a `group`, and a group lies in one split: {number_of(facts.groups, "group")}, the largest of
{number_of(facts.largest_group, "song")}, {facts.largest_group / facts.total:.1%} of all.

| linked by | songs | shared values | largest | left out |
|---|---|---|---|---|
{links}

Artists are told by `artist_id`, else `spotify_artist_id`, else their name; recordings by `spotify_song_id`;
titles by the names that services or the source gave. Near versions have the same progression but for
unknown tokens, repeats of the whole, and all of a chord but its root and third; or share
{LEAST_COUNTED:.0%} of their 5-grams of chords as counted (Jaccard, over intervals and thirds, so in any
key), or {LEAST_DISTINCT:.0%} of the distinct ones where those are too rare to meet by chance.

Links join up to {number_of(facts.largest_component, "song")} into one set. A set larger than the smallest
split is cut between artists. Each recording, title and progression then keeps its songs in one split and
loses the others: "left out" above. Artists too large for the smaller splits are in train, so prolific
artists are likelier there. What this cannot see: one artist under two ids, and versions that are harmonized
anew or much shortened.

`duplicate_of` is set where a song has the very chords of an earlier one of its split ({facts.duplicates:,}),
`transposition_of` where it has them in this or another key ({facts.transpositions:,}). Drop rows where
either is set to count each progression once.

## Columns

| column | type | content |
|---|---|---|
{columns}

## Vocabulary

`vocabulary.json` has `tokens`, `numerals` and `sections`, each with `texts` (text of each id) and
`train_counts`, and `keys`. Id 0 is `<pad>`, used by no row; id 1 is `<unk>` (for sections `<none>`, where no
section is open). The others come by falling frequency in train, so that `ids < k` is a vocabulary of the
commonest; what occurs only in validation or test comes last with the count 0.

## Provenance and licence

{sources}

{_LICENCE}
"""


def croissant(facts: Facts, sha256: Mapping[str, str]) -> dict[str, Any]:
    """Croissant metadata.

    Parameters
    ----------
    facts
        About the data set.
    sha256
        Hex digest of each file of the distribution, by its name.
    """
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": facts.name,
        "description": (
            f"{facts.total:,} chord songs with keys and Roman numerals; no artist, recording or progression "
            "is in two splits, and near versions of a song are kept together."
        ),
        "license": _LICENCE,
        "datePublished": facts.day,
        "version": "1.0.0",
        "citeAs": f"music-etl {etl.__version__}, analysis {facts.analysis}, of {', '.join(facts.sources)}",
        "keywords": ["music", "chords", "harmony"],
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": name,
                "name": name,
                "contentUrl": name,
                "encodingFormat": _encoding(name),
                "sha256": digest,
            }
            for name, digest in sha256.items()
        ],
        "recordSet": [_record_set(split) for split in SPLITS],
    }


def _record_set(split: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"The {split} split, one record per song.",
        "key": {"@id": f"{split}/row"},
        "field": [_field(split, column) for column in DATASET_COLUMNS],
    }


def _field(split: str, column: Column) -> dict[str, Any]:
    is_list = pa.types.is_list(column.type)
    value = column.type.value_type if is_list else column.type
    return {
        "@type": "cr:Field",
        "@id": f"{split}/{column.name}",
        "name": column.name,
        "description": column.description,
        "dataType": _CROISSANT_TYPES[str(value)],
        **({"repeated": True} if is_list else {}),
        "source": {"fileObject": {"@id": f"{split}.parquet"}, "extract": {"column": column.name}},
    }


def _encoding(name: str) -> str:
    suffix = name.rpartition(".")[2]
    return {"parquet": "application/x-parquet", "json": "application/json", "md": "text/markdown"}[suffix]


def _type_name(kind: pa.DataType) -> str:
    return f"list of {kind.value_type}" if pa.types.is_list(kind) else str(kind)


_CONTEXT: Final = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "samplingRate": "cr:samplingRate",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""JSON-LD context of Croissant 1.0 [2]_."""
