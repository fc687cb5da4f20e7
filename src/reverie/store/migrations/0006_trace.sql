-- Where a task's trace began, as a W3C traceparent: its worker goes on with it.
ALTER TABLE tasks ADD COLUMN trace text;
