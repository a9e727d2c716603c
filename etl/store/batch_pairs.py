"""Pairs of the items of a job, as the rows of another: two that may go together make a question."""

from __future__ import annotations

from typing import Final

_LOOKED_AT: Final = 40
"""Items that are looked at for those to pair an item with: the next ones in an order by content."""

_PER_ITEM: Final = 3
"""Pairs that an item is the first of, at most."""

_SHOWN: Final = ("kind", "part", "mood", "energy", "groove", "duration_s", "centroid_hz")


def pairs_query(job: str) -> str:
    """Write the query that gives the pairs of a job.

    Each item is paired with a few others of another kind, first with those that the answers of
    task `compatibility` say it goes with. Which are looked at follows from contents: pairs stay the same
    when items come or go elsewhere.

    Parameters
    ----------
    job
        Whose items; what its tasks have answered is shown.
    """
    name, line = job.replace("'", "''"), " ".join(job.split())
    sides = [
        f"{side}.{fact} AS {side}{'' if fact == 'name' else f'_{fact}'}"
        for side in ("first", "second")
        for fact in ("name", *_SHOWN)
    ]
    return f"""-- pairs of {line}
WITH answers AS (
    SELECT item, map_from_entries(list((task, answer))) AS said
    FROM batch_results WHERE job = '{name}' AND is_best AND answer IS NOT NULL GROUP BY item
), facts AS (
    SELECT
        row_number() OVER (ORDER BY md5(items.content_hash), items.item) AS place,
        items.item, items.content_hash,
        coalesce(items.fields ->> 'name', items.name) AS name,
        coalesce(said['category'] ->> 'kind', items.fields ->> 'kind') AS kind,
        said['compatibility'] ->> 'part' AS part,
        CAST(said['compatibility'] -> 'goes_with' AS VARCHAR[]) AS goes_with,
        said['vibe'] ->> 'mood' AS mood,
        CAST(said['vibe'] ->> 'energy' AS INTEGER) AS energy,
        said['groove'] ->> 'groove' AS groove,
        round(sounds.duration_s, 2) AS duration_s,
        round(sounds.centroid_hz) AS centroid_hz
    FROM (
        SELECT * FROM batch_items WHERE job = '{name}' AND status = 'ready' AND content_hash IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY content_hash ORDER BY item) = 1
    ) AS items
    LEFT JOIN answers USING (item)
    LEFT JOIN (SELECT DISTINCT ON (content_hash) * FROM batch_sounds ORDER BY content_hash, version DESC)
        AS sounds USING (content_hash)
)
SELECT first.name || ' + ' || second.name AS name, {", ".join(sides)}
FROM facts AS first
JOIN facts AS second ON second.place BETWEEN first.place + 1 AND first.place + {_LOOKED_AT}
    AND (first.kind IS DISTINCT FROM second.kind OR first.kind IS NULL)
QUALIFY row_number() OVER (
    PARTITION BY first.item
    ORDER BY coalesce(list_contains(first.goes_with, second.part), false)::INTEGER
        + coalesce(list_contains(second.goes_with, first.part), false)::INTEGER DESC, second.place
) <= {_PER_ITEM}
ORDER BY first.item, second.item
"""
