-- Clocks are set, so that the numbers do not tell where a time begins in the record.
CREATE INDEX events_by_time ON events (at);
