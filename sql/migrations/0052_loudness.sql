-- Loudness of recordings (null in descriptions of older versions), and how often blocks of 400 ms and of 3 s have
-- each loudness, from -70 LUFS in steps of 0.1: their sums give that of an album.
ALTER TABLE sonic_features ADD COLUMN loudness_lufs FLOAT;
ALTER TABLE sonic_features ADD COLUMN loudness_range_lu FLOAT;
ALTER TABLE sonic_features ADD COLUMN true_peak_dbtp FLOAT;
ALTER TABLE sonic_features ADD COLUMN momentary_counts INTEGER[];
ALTER TABLE sonic_features ADD COLUMN short_term_counts INTEGER[];

-- The journal of tags that were written into files: each field's former values, so that they can be put back.
CREATE TABLE tag_writes (
    run_id BIGINT NOT NULL,
    path VARCHAR NOT NULL,
    field VARCHAR NOT NULL,
    old_values VARCHAR[] NOT NULL,
    new_values VARCHAR[] NOT NULL,
    status VARCHAR NOT NULL CHECK (status IN ('planned', 'done', 'undone'))
);
