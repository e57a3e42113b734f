"""What is told before a day names by how many days, as what is told after it does: one kind may have several."""

from django.db import migrations

NAME_THE_DAYS = """
    UPDATE rentals_reminder
    SET occasion = occasion || CASE kind WHEN 'due_soon' THEN '-3' ELSE '-1' END
    WHERE kind IN ('due_soon', 'collect_tomorrow')
"""
NAME_THE_DAY = """
    UPDATE rentals_reminder SET occasion = left(occasion, 10) WHERE kind IN ('due_soon', 'collect_tomorrow')
"""


class Migration(migrations.Migration):
    dependencies = [("rentals", "0005_told_in_time")]

    operations = [migrations.RunSQL(NAME_THE_DAYS, NAME_THE_DAY)]
