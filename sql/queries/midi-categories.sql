-- title: MIDI categories by folder
-- description: Files by folder and category.
SELECT
    regexp_replace(path, '[^/]*$', '') AS folder,
    coalesce(category, 'none') AS category,
    count(*) AS files
FROM midi
GROUP BY ALL
ORDER BY folder, files DESC, category
