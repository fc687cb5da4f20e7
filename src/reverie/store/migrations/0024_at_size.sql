-- What grows with users and memories is looked up, not read through, and a change costs no more than it must.

-- "changes" grows with every add, and a column that an index's condition names keeps an update from staying on its page
-- (HOT): each add wrote a new entry into every index of people. first_change_at is set exactly when changes are.
DROP INDEX people_changed;
DROP INDEX people_due;
CREATE INDEX people_changed ON people (first_change_at) WHERE first_change_at IS NOT NULL;
-- Those whose upkeep is manual are a range of their own.
CREATE INDEX people_due ON people (tenant, coalesce(upkeep, 'unset'), first_change_at)
    WHERE first_change_at IS NOT NULL AND upkeep_task_id IS NULL;

-- Retention leaves out the themes that stored views carry on, which are as many as users.
DROP INDEX themes_age;
CREATE INDEX themes_age ON themes (updated_at) WHERE model NOT LIKE 'view:%';

-- For metrics: webhooks that wait or were given up, among all that were delivered.
CREATE INDEX webhooks_counted ON webhooks (state) WHERE state IN ('pending', 'failed');

-- For lists of what went wrong, among all that went well.
CREATE INDEX tasks_unsuccessful ON tasks (tenant, created_at DESC, id DESC) WHERE status IN ('failed', 'cancelled');

-- A fifth of a large table, as is usual, is too much to leave until it is vacuumed or analyzed.
ALTER TABLE memories SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05,
                          autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE vectors SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05,
                         autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE tasks SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05,
                       autovacuum_analyze_scale_factor = 0.05);
