-- Items of batch jobs, what became of each in each stage, and the answers: model and local engine, of which the surer
-- one is best (`is_best`; what names no confidence is sure). Fields of an answer are read as `answer ->> 'mood'`.
CREATE OR REPLACE VIEW batch_results AS
WITH staged AS (
    SELECT
        items.job, items.item, items.name, items.content_hash, stages.task, stages.engine,
        CASE WHEN items.status = 'skipped' THEN 'skipped' ELSE coalesce(ledger.status, 'open') END AS status,
        coalesce(items.reason, ledger.error) AS reason,
        answers.answer, answers.confidence
    FROM batch_items AS items
    JOIN batch_stages AS stages USING (job)
    LEFT JOIN ledger
        ON ledger.task = 'batch ' || stages.task AND ledger.item = items.content_hash
        AND ledger.version = stages.version
    LEFT JOIN batch_answers AS answers
        ON answers.task = stages.task AND answers.content_hash = items.content_hash
        AND answers.version = stages.version
)
SELECT
    *,
    status = 'done' AND row_number() OVER (
        PARTITION BY job, item, task
        ORDER BY status = 'done' DESC, coalesce(confidence, 1.0) DESC, engine DESC
    ) = 1 AS is_best
FROM staged;
