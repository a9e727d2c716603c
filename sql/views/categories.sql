-- One row per chord category, in the order of `song_harmony.category_counts` (position from 1).
CREATE OR REPLACE VIEW categories AS
SELECT unnest(range(1, 50)) AS position, unnest([
    'I', 'ii', 'iii', 'IV', 'V', 'vi', 'vii°',
    'I7', 'ii7', 'iii7', 'IV7', 'V7', 'vi7', 'vii°7',
    'I9', 'V9', 'IV9', 'ii9',
    'V/ii', 'V/iii', 'V/IV', 'V/V', 'V/vi', 'V7/ii', 'V7/iii', 'V7/IV', 'V7/V', 'V7/vi',
    'i', 'ii°', 'bIII', 'iv', 'v', 'bVI', 'bVII',
    'I△7', 'ii-7', 'iiø7', 'IV△7', 'V7alt', 'bII7', 'V13', 'I6',
    'Isus4', 'Vsus4', 'Iadd9', 'vadd9', 'I(no3)',
    'Other'
]) AS category;
