-- Tracks that are there, each with its file, tags and sonic description (null where there is none): the
-- latest version, and of two modes the beat-synchronous one, which sorts before `window`.
CREATE OR REPLACE VIEW library AS
SELECT * EXCLUDE (version)
FROM described_tracks
QUALIFY row_number() OVER (
    PARTITION BY track_id ORDER BY split_part(version, '.', 1)::INTEGER DESC NULLS LAST, version
) = 1;
