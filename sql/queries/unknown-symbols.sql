-- title: Unknown chord symbols
-- description: Tokens that are not chord symbols, most frequent first: how often, in how many songs, the
-- share of all chord tokens in percent, and the id of the first song that has it.
-- param limit: integer 1..100000 = 50; symbols to list
WITH found AS MATERIALIZED (
    SELECT chord_id, count(*) AS occurrences, count(DISTINCT song_id) AS songs, min(song_id) AS song_id
    FROM (
        SELECT song_id, unnest(chord_ids) AS chord_id
        FROM song_tokens
        SEMI JOIN (SELECT song_id FROM song_overview WHERE n_unknown > 0) AS overview USING (song_id)
    )
    JOIN chord_symbols USING (chord_id)
    WHERE NOT is_known
    GROUP BY chord_id
)
SELECT
    symbol,
    found.occurrences,
    found.songs,
    round(100 * found.occurrences / (SELECT sum(n_chords + n_unknown) FROM song_overview), 4) AS share_pct,
    songs.id AS example_id
FROM found
JOIN chord_symbols USING (chord_id)
JOIN songs USING (song_id)
ORDER BY found.occurrences DESC, symbol
LIMIT $limit
