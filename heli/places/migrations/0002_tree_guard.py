"""The database keeps the tree whole: a child's path lies below its parent's path, and its level below its level.

Checked once per statement, so that a move may rewrite a parent and its subtree together.
"""

from django.db import migrations

GUARD = """
CREATE FUNCTION places_area_in_tree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM touched c JOIN places_area p ON p.id = c.parent_id
        WHERE NOT starts_with(c.path, p.path) OR length(c.path) <= length(p.path) OR c.level <= p.level
    ) OR (TG_OP = 'UPDATE' AND EXISTS (
        SELECT FROM touched p JOIN places_area c ON c.parent_id = p.id
        WHERE NOT starts_with(c.path, p.path) OR length(c.path) <= length(p.path) OR c.level <= p.level
    )) THEN
        RAISE EXCEPTION 'an area lies outside its parent' USING ERRCODE = 'check_violation', CONSTRAINT = 'area_in_tree';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER area_in_tree_insert AFTER INSERT ON places_area
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION places_area_in_tree();
CREATE TRIGGER area_in_tree_update AFTER UPDATE ON places_area
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION places_area_in_tree();
"""
UNDO = "DROP TRIGGER area_in_tree_update ON places_area; DROP TRIGGER area_in_tree_insert ON places_area; DROP FUNCTION places_area_in_tree();"


class Migration(migrations.Migration):
    dependencies = [("places", "0001_initial")]
    operations = [migrations.RunSQL(GUARD, UNDO)]
