"""The words of a mail, of a call and of what is attached: what is said, in the site's words or in ours.

Words are filled from a closed list of placeholders (`placeholders.py`), ours and the sites' by the same substitution.
Subjects carry nothing of the patient, the injury, the device or its treatments (I10); nothing promises healing (I12).
"""

from rentals.reminders.texts.spoken import words_of
from rentals.reminders.texts.writing import add_keys, attach_papers, write_mail

__all__ = ["add_keys", "attach_papers", "words_of", "write_mail"]
