-- Version 2: a manager from its start to its stop is an instance, and a worker is one of the places
-- in it where tasks run. Only names change, so no row is read or written.

ALTER TABLE marionette_worker RENAME TO marionette_instance;
ALTER TABLE marionette_instance RENAME COLUMN slots TO workers;
ALTER TABLE marionette_job RENAME COLUMN worker TO instance;
ALTER TABLE marionette_attempt RENAME COLUMN worker TO instance;
