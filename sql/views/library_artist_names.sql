-- Whom the artists of tracks that are there, and of their albums, may stand for, by names as they are asked about (lower case, single blanks):
-- the whole, where it may be an ensemble, and the parts of what may be several who play together. Guests (`feat.`) are
-- left out: their genres are not those of the track. Names of nobody are left out, too. `of` is what the artist stands at.
CREATE OR REPLACE VIEW library_artist_names AS
WITH artists AS (
    SELECT track_id, of, artist
    FROM (
        SELECT track_id, 'track' AS of, value AS artist FROM track_tags WHERE field = 'artist'
        UNION
        SELECT track_id, 'track', artist FROM tracks WHERE artist IS NOT NULL
        UNION ALL
        SELECT track_id, 'album', albumartist FROM tracks WHERE albumartist IS NOT NULL
    )
    SEMI JOIN (SELECT track_id FROM files WHERE gone_at IS NULL) AS there USING (track_id)
),

leads AS (
    SELECT DISTINCT
        artist,
        trim(
            regexp_replace(
                lower(nfc_normalize(regexp_replace(artist, '\s+', ' ', 'g'))),
                '[ (\[]+(?:feat\.?|ft\.?|featuring) .*$',
                ''
            )
        ) AS lead
    FROM artists
),

split AS (
    SELECT
        artist,
        lead,
        list_filter(
            list_transform(
                string_split_regex(lead, ' ?[;] ?|, | (?:&|\+|and|und|et|y|x|×|vs\.?|versus|with|/) '),
                lambda part: trim(part)
            ),
            lambda part: part <> ''
        ) AS parts
    FROM leads
),

named AS (
    SELECT artist, lead AS name, true AS is_whole, len(parts) > 1 AS has_parts FROM split
    UNION ALL
    SELECT artist, unnest(parts), false, true FROM split WHERE len(parts) > 1
)

SELECT artists.track_id, artists.of, artists.artist, named.name, named.is_whole, named.has_parts
FROM artists
JOIN named USING (artist)
WHERE
    named.name <> ''
    AND named.name NOT IN (
        'various artists', 'various', 'va', 'v.a.', 'v/a', 'diverse', 'verschiedene interpreten', 'verschiedene',
        'unknown artist', 'unknown', '[unknown]', '<unknown>', 'unbekannter interpret', 'artist', 'no artist',
        '[no artist]', 'anonymous', '[anonymous]', 'traditional', '[traditional]', 'soundtrack', 'original soundtrack',
        'original cast', 'others', 'friends', 'guests'
    );
