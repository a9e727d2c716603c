-- A single short sound has no groove of its own; nothing else shows without hearing it.
SELECT item, 'one-shot' AS groove, 1 AS density, 0.9 AS confidence
FROM items
WHERE onsets <= 1 AND duration_s < 2.0
