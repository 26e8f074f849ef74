-- Whose memory this is. Version 0.1.0 kept the id as the name of its lease only; `site` stood for
-- none. `former_ids` is a JSON list: the ids from before the site was renamed.

ALTER TABLE schema_version ADD COLUMN site_id TEXT NOT NULL DEFAULT '';

ALTER TABLE schema_version ADD COLUMN former_ids TEXT NOT NULL DEFAULT '';

UPDATE schema_version SET site_id = (
    SELECT CASE WHEN COUNT(*) = 1 AND MIN(name) <> 'site' THEN MIN(name) ELSE '' END FROM lease
);
