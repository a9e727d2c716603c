-- title: Run history
-- description: The latest command runs with their throughput: items a second over the whole run, and how many
-- cores it kept busy on average.
-- param limit: integer 1..100000 = 20; runs to list
SELECT
    run_id,
    command,
    status,
    started_at,
    items_in,
    items_out,
    items_rejected,
    round(wall_s, 2) AS seconds,
    round(items_out / nullif(wall_s, 0), 1) AS items_per_s,
    round(cpu_s / nullif(wall_s, 0), 2) AS cores_busy,
    version,
    error
FROM runs
ORDER BY run_id DESC
LIMIT $limit
